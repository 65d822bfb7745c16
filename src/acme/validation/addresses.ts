import { isIP } from 'node:net'
import { CaError } from '../../errors.ts'
import { ipBytes } from '../../pki/names/ip.ts'
import { embeddedIpv4 } from './embedded-ipv4.ts'

interface Network {
  /** 4 or 16 octets. */
  readonly base: Buffer
  /** Bits. */
  readonly prefix: number
  /** Why it is refused; null for one that is allowed. */
  readonly refusal: string | null
}

/**
 * What nobody's own services are at. Private networks and loopback are not here: this is a private CA. The single addresses are
 * where clouds hand out credentials to whoever can make a machine ask (AWS and others, Azure, Oracle, Alibaba, Google).
 */
const BUILT_IN: readonly (readonly [network: string, refusal: string])[] = [
  ['0.0.0.0/8', 'is unspecified'],
  ['169.254.0.0/16', 'is link-local'],
  ['169.254.169.254/32', 'is where clouds keep their metadata'],
  ['168.63.129.16/32', 'is where clouds keep their metadata'],
  ['192.0.0.192/32', 'is where clouds keep their metadata'],
  ['100.100.100.200/32', 'is where clouds keep their metadata'],
  ['224.0.0.0/4', 'is multicast'],
  ['255.255.255.255/32', 'is broadcast'],
  ['::/128', 'is unspecified'],
  ['fe80::/10', 'is link-local'],
  ['fd00:ec2::254/128', 'is where clouds keep their metadata'],
  ['fd20:ce::254/128', 'is where clouds keep their metadata'],
  ['ff00::/8', 'is multicast'],
]

export interface AddressRuleOptions {
  /** Networks in CIDR form ("10.0.0.0/8", "fd00::/8", a single address), beside those that are always refused. */
  readonly denied?: readonly string[]
  /** Exceptions from what is refused, in the same form. */
  readonly allowed?: readonly string[]
}

const DENIED = 'is in a network that is denied by configuration'

/**
 * Which addresses may be contacted. Of all networks that hold an address, the one with the longest prefix decides; between equal
 * ones `denied`, then `allowed`, then what is built in; an address in none is allowed. So `denied: ['0.0.0.0/0', '::/0'],
 * allowed: ['10.0.0.0/8']` leaves 10.0.0.0/8, and `allowed: ['169.254.0.0/16']` opens link-local without the metadata in it.
 * An IPv6 address with an IPv4 address in it is refused if either is.
 */
export class AddressRules {
  /** In the order in which equal ones decide. */
  readonly #networks: readonly Network[]

  /** `CaError` "badConfiguration" for what is no network. */
  constructor({ denied = [], allowed = [] }: AddressRuleOptions = {}) {
    const networks = [
      ...denied.map((text) => parseNetwork(text, DENIED, 'deniedNetworks')),
      ...allowed.map((text) => parseNetwork(text, null, 'allowedNetworks')),
      ...BUILT_IN.map(([text, refusal]) => parseNetwork(text, refusal)),
    ]
    this.#networks = networks.sort((a, b) => b.prefix - a.prefix)
  }

  /** Why the address must not be contacted, as the rest of a sentence ("is link-local"); null if it may be. */
  refusal(address: string): string | null {
    // An address with a zone is link-local, or else its zone says nothing.
    if (isIP(address) === 0 || address.includes('%')) return 'is no address that can be contacted'
    const bytes = ipBytes(address)
    const own = this.#decide(bytes)
    if (own !== null) return own
    for (const inner of embeddedIpv4(bytes)) {
      const refusal = this.#decide(inner)
      if (refusal !== null) return `stands for ${inner.join('.')}, which ${refusal}`
    }
    return null
  }

  #decide(bytes: Buffer): string | null {
    return this.#networks.find((network) => holds(network, bytes))?.refusal ?? null
  }
}

function holds({ base, prefix }: Network, bytes: Buffer): boolean {
  if (base.length !== bytes.length) return false
  const whole = prefix >> 3
  if (!base.subarray(0, whole).equals(bytes.subarray(0, whole))) return false
  const rest = prefix & 7
  return rest === 0 || (base[whole]! ^ bytes[whole]!) >> (8 - rest) === 0
}

/** `option`: of `acme.validation`, which has it; what is built in has none, and is a network. */
function parseNetwork(text: string, refusal: string | null, option?: string): Network {
  const [, address = '', digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const bits = isIP(address) === 6 ? 128 : 32
  const prefix = Number(digits ?? bits)
  if (isIP(address) === 0 || prefix > bits) {
    throw new CaError(
      'badConfiguration',
      `acme.validation.${option}: "${text}" is no network: write it as "10.0.0.0/8", "fd00::/8" or a single address.`,
    )
  }
  return { base: ipBytes(address), prefix, refusal }
}
