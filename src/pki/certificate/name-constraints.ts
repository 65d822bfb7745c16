import type { ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { ipBytes } from '../names/ip.ts'
import type { NameType, SubjectName } from '../names/san.ts'
import { EXTENSION } from './extensions.ts'
import type { TbsInfo } from './parse.ts'

/** The base of a GeneralSubtree as a CA certificate gives it; kinds that Chancery does not certify are left out. */
interface Subtree {
  readonly type: NameType
  readonly base: Buffer
}

/** What a CA certificate allows the certificates below it to be called (RFC 5280 4.2.1.10). */
export interface NameLimits {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

const TYPES: ReadonlyMap<number, NameType> = new Map([
  [0x81, 'email'],
  [0x82, 'dns'],
  [0x86, 'uri'],
  [0x87, 'ip'],
])

/** Null where the certificate has no name constraints. `CaError` with the given code if they cannot be read. */
export function readNameLimits(info: TbsInfo, code: ErrorCode): NameLimits | null {
  const extension = info.extensions.find(({ oid }) => oid === EXTENSION.nameConstraints)
  if (!extension) return null
  const outer = new DerReader(extension.value, 'name constraints', code)
  const reader = outer.enter()
  outer.end()
  const permitted = readSubtrees(reader, 0xa0)
  const excluded = readSubtrees(reader, 0xa1)
  reader.end()
  return { permitted, excluded }
}

function readSubtrees(reader: DerReader, tag: number): Subtree[] {
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
    if (type) subtrees.push({ type, base: content })
  }
  return subtrees
}

/**
 * Whether a relying party would refuse the name: it lies in an excluded subtree, or there are permitted subtrees of its
 * kind and it lies in none.
 */
export function isOutside(name: SubjectName, { permitted, excluded }: NameLimits): boolean {
  const ofKind = (subtree: Subtree) => subtree.type === name.type
  if (excluded.filter(ofKind).some(({ base }) => covers(base, name) || mayMatch(name, base))) return true
  const allowed = permitted.filter(ofKind)
  return allowed.length > 0 && !allowed.some(({ base }) => covers(base, name))
}

function covers(base: Buffer, { type, value }: SubjectName): boolean {
  if (type === 'ip') return coversAddress(base, ipBytes(value))
  const limit = base.toString('latin1').toLowerCase()
  if (type === 'dns') {
    // Web PKI verifiers take a leading dot as "below", and an empty base as everything.
    return limit === '' || value === limit || value.endsWith(limit.startsWith('.') ? limit : `.${limit}`)
  }
  if (type === 'email' && limit.includes('@')) return value === limit
  const host = type === 'email' ? value.slice(value.lastIndexOf('@') + 1) : hostOf(value)
  return limit.startsWith('.') ? host.endsWith(limit) : host === limit
}

/** "*.example.test" stands for names that an excluded "internal.example.test" covers. */
function mayMatch({ type, value }: SubjectName, base: Buffer): boolean {
  return (
    type === 'dns' && value.startsWith('*.') && base.toString('latin1').toLowerCase().endsWith(value.slice(1))
  )
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
