import { InvalidArgumentError } from 'commander'
import { checkedPublicUrl } from '../config/config.ts'
import { parseDuration } from '../config/duration.ts'
import { CaError } from '../errors.ts'
import { type NameAttribute, parseDnText } from '../pki/distinguished-name.ts'

/** For parsers of options: what `parse` refuses by a `CaError`, commander reports with the name of the option. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof CaError) throw new InvalidArgumentError(error.detail)
    throw error
  }
}

/** Seconds. */
export function duration(text: string): number {
  return parsed(() => parseDuration(text, 'It'))
}

export function publicUrl(text: string): string {
  return parsed(() => checkedPublicUrl(text))
}

export function distinguishedName(text: string): readonly NameAttribute[] {
  return parsed(() => parseDnText(text))
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
