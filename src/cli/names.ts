import type { Command } from 'commander'
import { detectName, normaliseName } from '../pki/names/normalise.ts'
import { distinctNames, NAME_TYPES, type NameType, type SubjectName } from '../pki/names/san.ts'
import { collect } from './option-values.ts'

/** The names that were typed, by the option they were typed with. */
export type NameOptions = { readonly [Type in NameType | 'name']?: readonly string[] }

/** Adds --dns, --ip, --uri and --email, each repeatable. */
export function addNameOptions(command: Command): Command {
  return command
    .option('--dns <name>', 'DNS name; repeatable', collect)
    .option('--ip <address>', 'IP address; repeatable', collect)
    .option('--uri <uri>', 'URI, such as a SPIFFE ID; repeatable', collect)
    .option('--email <address>', 'e-mail address; repeatable', collect)
}

/** All names, normalised, each once, in the order of the options. `CaError` "badName" names the one at fault. */
export function namesFrom(options: NameOptions): SubjectName[] {
  return distinctNames([
    ...(options.name ?? []).map(detectName),
    ...NAME_TYPES.flatMap((type) => (options[type] ?? []).map((value) => normaliseName(type, value))),
  ])
}

/** The form in which REST takes and gives names. */
export function namesByType(names: readonly SubjectName[]): Partial<Record<NameType, string[]>> {
  const byType: Partial<Record<NameType, string[]>> = {}
  for (const { type, value } of names) {
    byType[type] ??= []
    byType[type].push(value)
  }
  return byType
}
