import { isIPv4, isIPv6 } from 'node:net'
import { badName } from './bad-name.ts'

const KIND = 'IP address'

/** Canonical text: dotted decimal, or RFC 5952 for IPv6 whatever form it came in. */
export function normaliseIp(value: string): string {
  return ipText(ipBytes(value))
}

/** The 4 or 16 octets of an address. No zone: an interface of one machine cannot be certified. */
export function ipBytes(value: string): Buffer {
  // node:net refuses leading zeros, which some libraries would read as octal.
  if (isIPv4(value)) return Buffer.from(value.split('.').map(Number))
  if (value.includes('%')) throw badName(KIND, value, 'has a zone; leave it away')
  if (value.includes('/')) throw badName(KIND, value, 'is a network; name a single address')
  if (!isIPv6(value)) throw badName(KIND, value, 'is neither dotted decimal IPv4 nor IPv6')
  return ipv6Bytes(value)
}

function ipv6Bytes(value: string): Buffer {
  const out = Buffer.alloc(16)
  const [head = '', tail] = value.split('::')
  const before = groups(head)
  before.forEach((group, i) => {
    out.writeUInt16BE(group, 2 * i)
  })
  const after = groups(tail ?? '')
  after.forEach((group, i) => {
    out.writeUInt16BE(group, 16 - 2 * (after.length - i))
  })
  return out
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a, b, c, d] = group.split('.').map(Number) as [number, number, number, number]
    return [a * 256 + b, c * 256 + d]
  })
}

/** The canonical text of the 4 or 16 octets of an iPAddress. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) {
    throw badName(
      KIND,
      Buffer.from(bytes).toString('hex'),
      `has ${bytes.length} octets; IPv4 has 4 and IPv6 has 16`,
    )
  }
  const words: number[] = []
  for (let i = 0; i < 16; i += 2) words.push(bytes[i]! * 256 + bytes[i + 1]!)
  const text = ipv6Text(words)
  // One host under two names would get past a policy that lists the other; RFC 5280 4.2.1.6 has 4 octets for it.
  if (words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0)) {
    throw badName(KIND, text, 'is an IPv4 address mapped into IPv6; name the IPv4 address')
  }
  return text
}

/** RFC 5952 4: lower case, no leading zeros, the longest run of two zero groups or more shortened, the first if equal. */
function ipv6Text(words: readonly number[]): string {
  let longest = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && words[end] === 0) end++
    if (end - start > longest.length) longest = { start, length: end - start }
    if (end > start) start = end
  }
  const hex = words.map((word) => word.toString(16))
  if (longest.length < 2) return hex.join(':')
  return `${hex.slice(0, longest.start).join(':')}::${hex.slice(longest.start + longest.length).join(':')}`
}
