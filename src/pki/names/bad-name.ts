import { CaError } from '../../errors.ts'

/** `reason` continues "The DNS name "x" ...". What was sent is quoted so that it cannot forge a log line. */
export function badName(kind: string, value: string, reason: string): CaError {
  return new CaError('badName', `The ${kind} ${quoted(value)} ${reason}.`)
}

/** JSON, with control, format and unassigned characters (NUL, newlines, bidirectional overrides) as escapes, at most 100 characters. */
export function quoted(value: string): string {
  const shown = value.length > 100 ? `${value.slice(0, 100)}...` : value
  return JSON.stringify(shown).replace(
    /\p{C}/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}
