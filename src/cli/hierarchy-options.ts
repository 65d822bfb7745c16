import { type Command, InvalidArgumentError, Option } from 'commander'
import { defaultSubject, HIERARCHY_DEFAULTS } from '../ca/hierarchy/defaults.ts'
import { AUTHORITY_KEY_TYPES, type NewAuthority } from '../ca/hierarchy/new-authority.ts'
import { formatDuration } from '../config/duration.ts'
import type { NameConstraints } from '../pki/certificate/extensions.ts'
import type { NameAttribute } from '../pki/distinguished-name.ts'
import { HASH_NAMES, type HashName, type KeyType } from '../pki/keys/algorithms.ts'
import { collect, distinguishedName, duration } from './option-values.ts'

/** The options of an issuing authority, shared by `init` and `authority add`. */
export interface AuthorityOptions {
  readonly keyType: KeyType
  readonly hash?: HashName
  readonly subject?: readonly NameAttribute[]
  readonly pathLength: number | 'none'
}

/** What the root decides about an intermediate. */
export interface SigningOptions {
  readonly pathLength: number | 'none'
  /** Seconds. */
  readonly validity: number
  readonly permitDns?: readonly string[]
  readonly permitIp?: readonly string[]
}

export function addAuthorityOptions(command: Command): Command {
  return command
    .addOption(new Option('--key-type <type>', 'kind of key').choices(AUTHORITY_KEY_TYPES).default('P-256'))
    .addOption(
      new Option('--hash <hash>', 'hash to sign with (the one that fits the key)').choices(HASH_NAMES),
    )
    .option(
      '--subject <name>',
      'subject of the intermediate: "CN=Example Issuing CA,O=Example"',
      distinguishedName,
    )
}

export function addPathLength(command: Command): Command {
  return command.option(
    '--path-length <number>',
    'CA levels below the intermediate, or "none" for no limit',
    pathLength,
    0,
  )
}

export function addSigningOptions(command: Command): Command {
  return command
    .addOption(life('--validity <duration>', 'life of the intermediate', HIERARCHY_DEFAULTS.validity))
    .option('--permit-dns <domain>', 'name constraint: only names in this domain; repeatable', collect)
    .option('--permit-ip <network>', 'name constraint: only addresses in this network; repeatable', collect)
}

/** Seconds. A CA of less would be over before it is of use, and its service would not start. */
const SHORTEST_LIFE = 3600

/** For the life of a CA; its default shows in the help as people write it. `seconds` is that default. */
export function life(flags: string, description: string, seconds: number): Option {
  return new Option(flags, description).argParser(lifeOfCa).default(seconds, formatDuration(seconds))
}

export function newAuthority(id: string, options: AuthorityOptions & Partial<SigningOptions>): NewAuthority {
  return {
    id,
    keyType: options.keyType,
    hash: options.hash ?? null,
    subject: options.subject ?? defaultSubject('Issuing CA'),
    pathLength: pathLengthOf(options),
    nameConstraints: constraintsOf(options),
  }
}

export function pathLengthOf({
  pathLength: length,
}: {
  readonly pathLength: number | 'none'
}): number | undefined {
  return length === 'none' ? undefined : length
}

export function constraintsOf({ permitDns, permitIp }: Partial<SigningOptions>): NameConstraints | null {
  if (!permitDns && !permitIp) return null
  return { permitted: { ...(permitDns ? { dns: permitDns } : {}), ...(permitIp ? { ip: permitIp } : {}) } }
}

function lifeOfCa(text: string): number {
  const seconds = duration(text)
  if (seconds < SHORTEST_LIFE) throw new InvalidArgumentError('It must be an hour at least.')
  return seconds
}

function pathLength(text: string): number | 'none' {
  if (text === 'none') return text
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError('It must be a number of levels, or "none".')
  return Number(text)
}
