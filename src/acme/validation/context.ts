import type { Clock } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { type AddressRuleOptions, AddressRules } from './addresses.ts'
import { NameResolver, SYSTEM_NAMES } from './name-resolver.ts'

export interface ValidationOptions extends AddressRuleOptions {
  readonly clock: Clock
  /** DNS servers such as "10.0.0.53:53"; none: those of the system. */
  readonly resolvers?: readonly string[]
  /** Where names that have no address by themselves are looked up as well. */
  readonly searchDomains?: readonly string[]
  /** Where http-01 begins: 80 (RFC 8555 8.3). */
  readonly httpPort?: number
  /** Where tls-alpn-01 asks: 443 (RFC 8737 3). */
  readonly tlsPort?: number
  /** Where redirects of http-01 may lead, beside `httpPort`: 80 and 443. */
  readonly redirectPorts?: readonly number[]
  /** Seconds for one validation, with everything that belongs to it: 10. */
  readonly timeout?: number
  /** Whether CAA is asked for (RFC 8659). */
  readonly caa?: boolean
  /** The names that CAA and dns-persist-01 know this CA by: lower case, without a dot at the end. */
  readonly issuerDomains?: readonly string[]
  /** Begins the hashed account URIs of dns-persist-01, such as "https://ca.example/account-hash/"; as the directory says it. */
  readonly accountHashPrefix?: string | null
  /** Whether dns-persist-01 takes the plain account URL as well, as the draft had it up to -01. It binds no key. */
  readonly plainAccountUrls?: boolean
}

/** What a validation is done with. Holds no state but lookups of the system that wait for their turn: one for all validations. */
export interface ValidationContext {
  readonly clock: Clock
  readonly resolver: NameResolver
  readonly networks: AddressRules
  readonly httpPort: number
  readonly tlsPort: number
  readonly redirectPorts: readonly number[]
  readonly timeout: number
  readonly caa: boolean
  readonly issuerDomains: readonly string[]
  readonly accountHashPrefix: string | null
  readonly plainAccountUrls: boolean
}

/** `CaError` "badConfiguration" for a network, DNS server or issuer domain that is none. */
export function validationContext(options: ValidationOptions): ValidationContext {
  const {
    clock,
    resolvers,
    searchDomains,
    httpPort = 80,
    tlsPort = 443,
    redirectPorts = [80, 443],
    timeout = 10,
  } = options
  const issuerDomains = options.issuerDomains ?? []
  for (const domain of issuerDomains) {
    if (/^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/.test(domain)) continue
    throw new CaError(
      'badConfiguration',
      `"${domain}" is no issuer domain: write it in lower case, as A-labels, without a dot at the end.`,
    )
  }
  return {
    clock,
    resolver: new NameResolver(resolvers, resolvers?.length ? null : SYSTEM_NAMES, searchDomains),
    networks: new AddressRules(options),
    httpPort,
    tlsPort,
    redirectPorts: [...new Set([httpPort, ...redirectPorts])],
    timeout,
    caa: options.caa ?? false,
    issuerDomains,
    accountHashPrefix: options.accountHashPrefix ?? null,
    plainAccountUrls: options.plainAccountUrls ?? false,
  }
}
