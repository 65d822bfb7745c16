import type { FastifyRequest } from 'fastify'
import { AcmeError } from '../../acme/problem.ts'
import { accountHashPrefix } from '../../acme/validation/dns-persist-01.ts'
import { serviceNames } from '../../ca/service-names.ts'
import type { Service } from '../../service.ts'
import { hostOf } from '../host.ts'

/** Where everything is, as this client reaches the service. */
export class AcmeUrls {
  /** Scheme, host and port: in lower case, without the port of HTTPS (RFC 3986 6.2.3). */
  readonly origin: string
  /** The origin, and the prefix under which the plugin stands; no slash at the end. */
  readonly base: string

  constructor(address: string, prefix: string) {
    this.origin = new URL(address).origin
    this.base = this.origin + prefix
  }

  get directory(): string {
    return `${this.base}/acme/directory`
  }

  account(id: number): string {
    return `${this.base}/acme/account/${id}`
  }

  orders(accountId: number): string {
    return `${this.account(accountId)}/orders`
  }

  order(id: number): string {
    return `${this.base}/acme/order/${id}`
  }

  finalize(id: number): string {
    return `${this.order(id)}/finalize`
  }

  authorization(id: number): string {
    return `${this.base}/acme/authorization/${id}`
  }

  challenge(id: number): string {
    return `${this.base}/acme/challenge/${id}`
  }

  certificate(serialNumber: string, path = 0): string {
    return `${this.base}/acme/certificate/${serialNumber}${path === 0 ? '' : `/${path}`}`
  }

  /** What the hashed account URIs of dns-persist-01 begin with; nothing is there. */
  get accountHashPrefix(): string {
    return accountHashPrefix(this.account(1))
  }

  /** The number of the account that a `kid` names; null if it is none of ours. */
  accountOf(kid: string): number | null {
    const prefix = `${this.base}/acme/account/`
    const id = kid.startsWith(prefix) ? kid.slice(prefix.length) : ''
    return /^[1-9][0-9]{0,14}$/.test(id) ? Number(id) : null
  }
}

/** Gives the addresses under which a request reaches us: the configured ones, or those of its Host. */
export function urlsOf(service: Service, prefix: string): (request: FastifyRequest) => AcmeUrls {
  const { url } = service.config.acme
  if (url !== undefined) {
    const fixed = new AcmeUrls(url, prefix)
    return () => fixed
  }
  const known = new Map<string, AcmeUrls>()
  return (request) => {
    const host = hostOf(request)?.toLowerCase() ?? ''
    let urls = known.get(host)
    if (!urls) {
      checkHost(host, service)
      urls = new AcmeUrls(`https://${host}`, prefix)
      // Names are few; ports could be made up.
      if (known.size < 100) known.set(host, urls)
    }
    return urls
  }
}

/**
 * Somebody else's server could pass on what a client signed for it, under a Host of its own choice: the URL in a signature
 * says something only where the name in it is ours (RFC 8555 6.4).
 */
function checkHost(host: string, { authorities, config }: Service): void {
  const bare = /^(?:\[([0-9a-f:.]+)\]|([^:/?#@]+))(?::[0-9]{1,5})?$/.exec(host)
  const name = bare?.[1] ?? bare?.[2]
  const names = serviceNames(config, authorities.issuing())
  const isOurs = name !== undefined && names.some(({ value }) => value === name)
  // A port that there is not.
  if (isOurs && URL.canParse(`https://${host}`)) return
  throw new AcmeError(
    'malformed',
    'The Host of the request is none of this service’s names: an admin may add it to tls.names, or set acme.url.',
    { status: 421 },
  )
}
