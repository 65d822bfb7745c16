import type { ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { readName } from '../distinguished-name.ts'
import { DIRECTORY_NAME_TAG, TYPE_BY_TAG } from '../names/general-names.ts'
import { ipBytes } from '../names/ip.ts'
import type { NameType, SubjectName } from '../names/san.ts'
import { directoryCovers } from './directory-subtrees.ts'
import { EXTENSION } from './extensions.ts'
import type { TbsInfo } from './parse.ts'

/** The base of a GeneralSubtree as a CA certificate gives it; kinds that Chancery does not certify are left out. */
interface Subtree {
  readonly type: NameType | 'directory'
  readonly base: Buffer
}

/** What a CA certificate allows the certificates below it to be called (RFC 5280 4.2.1.10). */
export interface NameLimits {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

const TYPES = new Map<number, Subtree['type']>([...TYPE_BY_TAG, [DIRECTORY_NAME_TAG, 'directory']])

/** Null where the certificate, or the CSR, has no name constraints. `CaError` with the given code if they cannot be read. */
export function readNameLimits(info: Pick<TbsInfo, 'extensions'>, code: ErrorCode): NameLimits | null {
  const extension = info.extensions.find(({ oid }) => oid === EXTENSION.nameConstraints)
  if (!extension) return null
  const outer = new DerReader(extension.value, 'nameConstraints', code)
  const reader = outer.enter()
  outer.end()
  const permitted = readSubtrees(reader, 0xa0, code)
  const excluded = readSubtrees(reader, 0xa1, code)
  reader.end()
  return { permitted, excluded }
}

function readSubtrees(reader: DerReader, tag: number, code: ErrorCode): Subtree[] {
  const element = reader.optional(tag)
  if (!element) return []
  const list = reader.into(element)
  const subtrees: Subtree[] = []
  while (!list.done) {
    const subtree = list.enter()
    const { tag: kind, content } = subtree.next()
    // minimum is 0 and maximum absent, so nothing may follow the base.
    subtree.end()
    const type = TYPES.get(kind)
    if (type === 'directory') readName(content, 'nameConstraints', code)
    if (type) subtrees.push({ type, base: content })
  }
  return subtrees
}

/**
 * Whether a relying party would refuse the name: it lies in an excluded subtree, or there are permitted subtrees of its
 * kind and it lies in none. Where they do not agree, one that would is enough.
 */
export function isOutside(name: SubjectName, { permitted, excluded }: NameLimits): boolean {
  const ofKind = (subtree: Subtree) => subtree.type === name.type
  if (excluded.filter(ofKind).some(({ base }) => covers(base, name) || mayMatch(name, base))) return true
  const allowed = permitted.filter(ofKind)
  // RFC 5280 4.2.1.10: under URI constraints of either sort, a URI without a host name is refused.
  if (name.type === 'uri' && !hasHostName(name.value)) return allowed.length > 0 || excluded.some(ofKind)
  if (name.type === 'uri' && allowed.length > 0 && !isHostPlain(name.value)) return true
  return allowed.length > 0 && !allowed.some(({ base }) => covers(base, name))
}

/** The same for the subject (a DER Name). An empty one is outside no constraint: RFC 5280 4.2.1.10 does not judge it. */
export function isSubjectOutside(subject: Buffer, { permitted, excluded }: NameLimits): boolean {
  if (readName(subject).length === 0) return false
  const ofKind = ({ type }: Subtree) => type === 'directory'
  if (excluded.filter(ofKind).some(({ base }) => directoryCovers(base, subject, 'widest'))) return true
  const allowed = permitted.filter(ofKind)
  return allowed.length > 0 && !allowed.some(({ base }) => directoryCovers(base, subject, 'narrowest'))
}

/** The directory names below which it permits subjects, DER Names; empty where it permits any. */
export function permittedDirectories({ permitted }: NameLimits): readonly Buffer[] {
  return permitted.filter(({ type }) => type === 'directory').map(({ base }) => base)
}

function covers(base: Buffer, { type, value }: SubjectName): boolean {
  if (type === 'ip') return coversAddress(base, ipBytes(value))
  const text = base.toString('latin1')
  const limit = text.toLowerCase()
  if (type === 'dns') {
    // Web PKI verifiers take a leading dot as "below", and an empty base as everything.
    return limit === '' || value === limit || value.endsWith(limit.startsWith('.') ? limit : `.${limit}`)
  }
  if (type === 'email' && limit.includes('@')) return sameMailbox(text, value)
  const host = type === 'email' ? value.slice(value.lastIndexOf('@') + 1) : hostOf(value)
  return limit.startsWith('.') ? host.endsWith(limit) : host === limit
}

/** Only the host is compared in any case (RFC 5280 4.2.1.10): "Jo" and "jo" may be two people. */
function sameMailbox(limit: string, value: string): boolean {
  const [at, limitAt] = [value.lastIndexOf('@'), limit.lastIndexOf('@')]
  return (
    value.slice(0, at) === limit.slice(0, limitAt) && value.slice(at) === limit.slice(limitAt).toLowerCase()
  )
}

/**
 * What an excluded subtree covers for some. "*.example.test" stands for names that "internal.example.test" covers; Go takes
 * the hosts below that of an e-mail address or URI along; Java compares mailboxes in any case.
 */
function mayMatch({ type, value }: SubjectName, base: Buffer): boolean {
  if (type === 'ip') return false
  const limit = base.toString('latin1').toLowerCase()
  if (type === 'dns') return value.startsWith('*.') && limit.endsWith(value.slice(1))
  if (limit.includes('@')) return value.toLowerCase() === limit
  const host = type === 'email' ? value.slice(value.lastIndexOf('@') + 1) : hostOf(value)
  return host.endsWith(`.${limit}`)
}

function coversAddress(base: Buffer, address: Buffer): boolean {
  if (base.length !== 2 * address.length) return false
  return address.every(
    (octet, i) => (octet & base[address.length + i]!) === (base[i]! & base[address.length + i]!),
  )
}

function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname.toLowerCase() : ''
}

function hasHostName(uri: string): boolean {
  const host = hostOf(uri)
  return host !== '' && !host.startsWith('[') && !/^[0-9.]+$/.test(host)
}

/** OpenSSL ends a host at the first colon after it, wherever that is, else at a slash; at neither "?" nor "#". */
function isHostPlain(uri: string): boolean {
  const rest = uri.slice(uri.indexOf('//') + 2)
  const end = rest.includes(':') ? rest.indexOf(':') : rest.indexOf('/')
  return (end < 0 ? rest : rest.slice(0, end)).toLowerCase() === hostOf(uri)
}
