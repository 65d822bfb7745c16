/**
 * What a stranger sent, to stand in an error or the log: control, format and unassigned characters (NUL, newlines,
 * bidirectional overrides) as escapes, at most 100 characters.
 */
export function quoted(value: string): string {
  const shown = value.length > 100 ? `${value.slice(0, 100)}...` : value
  return JSON.stringify(shown).replace(
    /\p{C}/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}
