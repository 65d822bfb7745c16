/** Where IPv6 addresses with this beginning carry an IPv4 address: the octets, most significant first. */
interface Form {
  readonly prefix: Buffer
  readonly octets: readonly (readonly [number, number, number, number])[]
  /** Whether the bits are stored inverted. */
  readonly inverted?: boolean
  /** Whether it may as well carry none; 0.0.0.0/8 then means that there is none. `::1` is such a case. */
  readonly guess?: boolean
}

const LAST = [12, 13, 14, 15] as const

const FORMS: readonly Form[] = [
  // RFC 4291 2.5.5: IPv4-mapped, and the older IPv4-compatible.
  { prefix: Buffer.from('00000000000000000000ffff', 'hex'), octets: [LAST] },
  { prefix: Buffer.alloc(12), octets: [LAST], guess: true },
  // RFC 2765 2.1: IPv4-translated.
  { prefix: Buffer.from('0000000000000000ffff0000', 'hex'), octets: [LAST] },
  // RFC 6052: NAT64 with the well-known prefix.
  { prefix: Buffer.from('0064ff9b0000000000000000', 'hex'), octets: [LAST] },
  // RFC 8215: NAT64 of one's own, with a prefix of /48, /56, /64 or /96 in it (RFC 6052 2.2 leaves octet 8 out).
  {
    prefix: Buffer.from('0064ff9b0001', 'hex'),
    octets: [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], LAST],
    guess: true,
  },
  // RFC 3056: 6to4.
  { prefix: Buffer.from('2002', 'hex'), octets: [[2, 3, 4, 5]] },
  // RFC 4380 4: Teredo has its server in the clear and its client inverted.
  { prefix: Buffer.from('20010000', 'hex'), octets: [[4, 5, 6, 7]] },
  { prefix: Buffer.from('20010000', 'hex'), octets: [LAST], inverted: true },
]

/** RFC 5214 6.1: an ISATAP interface identifier, behind any prefix. */
const ISATAP = [Buffer.from('00005efe', 'hex'), Buffer.from('02005efe', 'hex')]

/** Every IPv4 address, 4 octets, that the 16 octets of an IPv6 address may be translated or tunnelled to. */
export function embeddedIpv4(address: Buffer): Buffer[] {
  if (address.length !== 16) return []
  const found = FORMS.filter(({ prefix }) => address.subarray(0, prefix.length).equals(prefix)).flatMap(
    ({ octets, inverted, guess }) =>
      octets
        .map((places) =>
          Buffer.from(places.map((place) => (inverted ? ~address[place]! & 0xff : address[place]!))),
        )
        .filter((inner) => !guess || inner[0] !== 0),
  )
  if (ISATAP.some((mark) => address.subarray(8, 12).equals(mark)))
    found.push(Buffer.from(address.subarray(12)))
  return found
}
