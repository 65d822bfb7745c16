import { sequence, tlv } from '../der/write.ts'
import { badName } from '../names/bad-name.ts'
import { normaliseHost } from '../names/dns.ts'
import { NAME_TAG } from '../names/general-names.ts'
import { ipBytes } from '../names/ip.ts'

/** Subtrees as RFC 5280 4.2.1.10 writes them. */
export interface NameSubtrees {
  /** "example.test" means itself and everything below. */
  readonly dns?: readonly string[]
  /** CIDR: "10.0.0.0/8", "2001:db8::/32". */
  readonly ip?: readonly string[]
  /** A mailbox, a host ("example.test") or the hosts below one (".example.test"). */
  readonly email?: readonly string[]
  /** A host, or with a leading "." the hosts below it; never a whole URI. */
  readonly uri?: readonly string[]
}

/**
 * One GeneralSubtree for each: its base alone, since minimum is the default 0 and maximum absent (4.2.1.10).
 * `CaError` 'badName' on a value that cannot be one.
 */
export function generalSubtrees(subtrees: NameSubtrees): Buffer[] {
  return [
    ...(subtrees.dns ?? []).map((value) => tlv(NAME_TAG.dns, dnsBase(value))),
    ...(subtrees.ip ?? []).map((value) => tlv(NAME_TAG.ip, ipBase(value))),
    ...(subtrees.email ?? []).map((value) => tlv(NAME_TAG.email, emailBase(value))),
    ...(subtrees.uri ?? []).map((value) => tlv(NAME_TAG.uri, hostBase(value, 'URI name constraint'))),
  ].map((base) => sequence(base))
}

function dnsBase(value: string): Buffer {
  // RFC 5280 gives a leading dot no meaning here, and clients disagree about it.
  if (value.startsWith('.')) {
    throw badName(
      'name constraint',
      value,
      'has a leading dot; without it, it covers itself and everything below',
    )
  }
  return Buffer.from(normaliseHost(value, 'DNS name constraint', value), 'latin1')
}

function emailBase(value: string): Buffer {
  const kind = 'e-mail name constraint'
  const at = value.lastIndexOf('@')
  if (at < 0) return hostBase(value, kind)
  const local = value.slice(0, at)
  if (!/^[\w!#$%&'*+/=?^`{|}~.-]{1,64}$/.test(local))
    throw badName('name constraint', value, 'has no plain local part before the @')
  return Buffer.from(`${local}@${normaliseHost(value.slice(at + 1), kind, value)}`, 'latin1')
}

function hostBase(value: string, kind: string): Buffer {
  const dot = value.startsWith('.') ? '.' : ''
  return Buffer.from(dot + normaliseHost(value.slice(dot.length), kind, value), 'latin1')
}

/** Address and mask, 8 or 32 octets (RFC 5280 4.2.1.10). */
function ipBase(value: string): Buffer {
  const [, address, digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(value) ?? []
  if (address === undefined) throw badName('name constraint', value, 'is not CIDR such as "10.0.0.0/8"')
  const octets = ipBytes(address)
  const prefix = Number(digits)
  if (prefix > octets.length * 8)
    throw badName('name constraint', value, 'has a prefix longer than the address')
  const mask = Buffer.alloc(octets.length)
  for (let bit = 0; bit < prefix; bit++) mask[bit >> 3]! |= 0x80 >> (bit & 7)
  if (octets.some((octet, index) => octet & ~mask[index]!)) {
    throw badName(
      'name constraint',
      value,
      `has an address that does not end in zero bits after the first ${prefix}`,
    )
  }
  return Buffer.concat([octets, mask])
}
