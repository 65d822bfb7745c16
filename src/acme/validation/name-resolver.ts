import { lookup, Resolver } from 'node:dns/promises'
import { CaError } from '../../errors.ts'
import { Turns } from '../../turns.ts'
import { Deadline } from './deadline.ts'
import { DnsPatience } from './dns-patience.ts'
import { ValidationFailure } from './failure.ts'
import { hostsFileAddresses } from './hosts-file.ts'

/** CNAMEs that are followed behind one name. */
const MOST_ALIASES = 10

/** Answers that say "there is none", with or without the name itself (NODATA, NXDOMAIN). */
const NONE = new Set(['ENODATA', 'ENOTFOUND'])

/** Which part of a validation's time the addresses of one family wait for those of the other. */
const LAG = 1 / 5

/** getaddrinfo holds a thread of the pool that signs and reads files, for as long as a name server likes; the pool has four. */
const MOST_SYSTEM_LOOKUPS = 2

export interface CaaRecord {
  /** Lower case: tags are compared without case (RFC 8659 4.1). Empty where it cannot be told. */
  readonly tag: string
  readonly value: string
  readonly critical: boolean
}

/** Where the machine finds addresses beside its DNS servers. */
export interface SystemNames {
  /** hosts(5). */
  readonly hostsFile: string
  /** What else it may know: mDNS, its own name. It may take as long as it likes. */
  readonly lookup: (name: string) => Promise<readonly string[]>
}

/** Of this machine. */
export const SYSTEM_NAMES: SystemNames = {
  hostsFile: '/etc/hosts',
  lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
}

/**
 * DNS without a cache: each question is asked anew, over UDP and, where an answer is truncated, TCP. Failures are
 * `ValidationFailure` "dns". Nothing found is an empty list.
 */
export class NameResolver {
  readonly #servers: readonly string[]
  readonly #strangers: SystemNames | null
  readonly #searchDomains: readonly string[]
  readonly #lookups = new Turns(MOST_SYSTEM_LOOKUPS)
  readonly #patience = new DnsPatience()

  /**
   * Servers as "10.0.0.53", "10.0.0.53:5353" or "[2001:db8::53]:53"; none means those of the system. Addresses are then looked up
   * as any program does it, for names that an operator chose; or, for names that `strangers` choose, in the hosts file, by DNS, and
   * last as the system does it, all without its search domains: who holds "bank.example.corp.test" must not prove "bank.example",
   * and who lets DNS hang must hold up nobody but himself. A name that has no address is looked up below each of `searchDomains`.
   * `CaError` "badConfiguration" for what is no server.
   */
  constructor(
    servers: readonly string[] = [],
    strangers: SystemNames | null = null,
    searchDomains: readonly string[] = [],
  ) {
    this.#servers = [...servers]
    this.#strangers = strangers
    this.#searchDomains = searchDomains
    try {
      if (servers.length > 0) new Resolver().setServers(servers)
    } catch (cause) {
      throw new CaError(
        'badConfiguration',
        `acme.validation.resolvers: ${JSON.stringify(servers)} are no DNS servers: write each as "10.0.0.53", "10.0.0.53:53" or "[2001:db8::53]:53".`,
        { cause },
      )
    }
  }

  /** Addresses of both families, in alternation, IPv6 first. */
  async addresses(name: string, deadline: Deadline): Promise<string[]> {
    for (const whole of [name, ...this.#searchDomains.map((domain) => `${name}.${domain}`)]) {
      const found = await this.#addressesOf(whole, deadline)
      if (found.length > 0) return alternate(found)
    }
    return []
  }

  #addressesOf(name: string, deadline: Deadline): Promise<readonly string[]> {
    if (this.#strangers) return this.#beside(this.#strangers, name, deadline)
    return this.#servers.length > 0
      ? this.#byDns(name, deadline)
      : this.#systemLookup(SYSTEM_NAMES, name, deadline)
  }

  /** What the system knows of a name without its search domains. */
  async #beside(system: SystemNames, name: string, deadline: Deadline): Promise<readonly string[]> {
    const fixed = await hostsFileAddresses(system.hostsFile, name)
    if (fixed.length > 0) return fixed
    try {
      const found = await this.#byDns(name, deadline)
      if (found.length > 0) return found
    } catch (error) {
      // There may be no DNS at all. Any other trouble is what is to be told.
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
      if (code !== 'ECONNREFUSED') throw error
    }
    return this.#systemLookup(system, `${name}.`, deadline)
  }

  async #byDns(name: string, deadline: Deadline): Promise<readonly string[]> {
    const questions = new Deadline(deadline.seconds, deadline.signal)
    this.#patience.share(questions, deadline)
    const ask = async (query: (resolver: Resolver, at: string) => Promise<string[]>) => {
      const found = await this.#followed(name, questions, query)
      // Some servers and firewalls drop what they do not know, which most often is AAAA: that must leave time to connect.
      if (found.length > 0) questions.shorten(deadline.seconds * LAG)
      return found
    }
    try {
      const families = await Promise.allSettled([
        ask((resolver, at) => resolver.resolve6(at)),
        ask((resolver, at) => resolver.resolve4(at)),
      ])
      const found = families.flatMap((family) => (family.status === 'fulfilled' ? family.value : []))
      // A server that fails for one family alone is no reason to refuse the other.
      if (found.length > 0) return found
      if (deadline.signal.aborted) throw deadline.reason('dns', `DNS did not answer for ${name}`)
      const failed = families.find((family) => family.status === 'rejected')
      if (failed) throw failed.reason
      return []
    } finally {
      questions.close()
    }
  }

  /** Each record's strings joined (RFC 8555 8.4), as Latin-1 would have it: what is compared with them is ASCII. */
  async txt(name: string, deadline: Deadline): Promise<string[]> {
    const records = await this.#followed(name, deadline, (resolver, at) => resolver.resolveTxt(at))
    return records.map((chunks) => chunks.join(''))
  }

  /** The records at this name alone, or at what it is an alias of; climbing is the caller's (RFC 8659 3). */
  async caa(name: string, deadline: Deadline): Promise<CaaRecord[]> {
    const records = await this.#followed(name, deadline, (resolver, at) => resolver.resolveCaa(at))
    return records.map(toCaaRecord)
  }

  /** Asks, and follows aliases where the server gives the alias alone, as those do that do not recurse. */
  async #followed<T>(
    name: string,
    deadline: Deadline,
    query: (resolver: Resolver, name: string) => Promise<T[]>,
  ): Promise<T[]> {
    const seen = new Set<string>()
    for (let at = name; ; ) {
      seen.add(at.toLowerCase())
      const found = await this.#ask(at, deadline, query)
      if (found.length > 0) return found
      const [alias] = await this.#ask(at, deadline, (resolver, owner) => resolver.resolveCname(owner))
      if (alias === undefined) return []
      if (seen.has(alias.toLowerCase()))
        throw new ValidationFailure('dns', `The CNAMEs of ${name} go in a circle.`, 'final')
      if (seen.size > MOST_ALIASES) {
        throw new ValidationFailure(
          'dns',
          `More than ${MOST_ALIASES} CNAMEs stand one behind another at ${name}.`,
          'final',
        )
      }
      at = alias
    }
  }

  async #ask<T>(
    name: string,
    deadline: Deadline,
    query: (resolver: Resolver, name: string) => Promise<T[]>,
  ): Promise<T[]> {
    const { signal } = deadline
    if (signal.aborted) throw deadline.reason('dns', `DNS was not asked for ${name}`)
    // One for each question: cancelling closes its sockets, and c-ares keeps answers in the resolver that got them.
    const servers = () => this.#servers.length || new Resolver().getServers().length
    const resolver = new Resolver(this.#patience.optionsFor(deadline, servers))
    if (this.#servers.length > 0) resolver.setServers(this.#servers)
    const cancel = () => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#patience.waitFor(query(resolver, name), deadline)
    } catch (error) {
      if (signal.aborted) throw deadline.reason('dns', `DNS did not answer for ${name}`)
      const { code = 'unknown' } = error as NodeJS.ErrnoException
      if (NONE.has(code)) return []
      throw new ValidationFailure('dns', `DNS fails for ${name}: ${sayCode(code)}.`, 'unreachable', error)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  async #systemLookup(
    { lookup }: SystemNames,
    asked: string,
    deadline: Deadline,
  ): Promise<readonly string[]> {
    const { signal } = deadline
    const name = asked.replace(/\.$/, '')
    const answer = this.#lookups.run(async () => (signal.aborted ? [] : await lookup(asked)))
    try {
      return await deadline.race(answer, 'dns', `The system's resolver did not answer for ${name}`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (error instanceof ValidationFailure || signal.aborted || code === undefined) throw error
      if (NONE.has(code)) return []
      throw new ValidationFailure('dns', `DNS fails for ${name}: ${sayCode(code)}.`, 'unreachable', error)
    }
  }
}

/**
 * Node gives { critical: flags, type: 'CAA', [tag]: value }, so a tag may stand where `critical` or `type` does. A property that
 * cannot be told is taken for an unknown one, and for a critical one if its flags are gone.
 */
function toCaaRecord({ critical, ...properties }: object & { critical: unknown }): CaaRecord {
  const [tag, value] = Object.entries(properties).find(([key]) => key !== 'type') ?? ['', '']
  return {
    tag: tag.toLowerCase(),
    value: String(value),
    // RFC 8659 4.1: the other bits are reserved, and ignored.
    critical: typeof critical !== 'number' || (critical & 0x80) !== 0,
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ESERVFAIL: 'the server says that it failed (SERVFAIL)',
  EREFUSED: 'the server refuses to answer (REFUSED)',
  ETIMEOUT: 'no server answered in time',
  ECONNREFUSED: 'no server can be reached',
  EBADRESP: 'the answer cannot be read',
  EFORMERR: 'the server cannot read the question (FORMERR)',
  EBADNAME: 'it is no name that can be asked for',
}

function sayCode(code: string): string {
  return WORDS[code] ?? code
}

function alternate(addresses: readonly string[]): string[] {
  const unique = [...new Set(addresses)]
  const six = unique.filter((address) => address.includes(':'))
  const four = unique.filter((address) => !address.includes(':'))
  return Array.from({ length: Math.max(six.length, four.length) }, (_, at) => [six[at], four[at]])
    .flat()
    .filter((address) => address !== undefined)
}
