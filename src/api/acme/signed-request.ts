import type { FastifyRequest } from 'fastify'
import type { Acme } from '../../acme/acme.ts'
import type { Holder } from '../../acme/context.ts'
import { type AccountKey, readJwk } from '../../acme/jws/jwk.ts'
import { type ParsedJws, parseJws, requireUrl } from '../../acme/jws/parse.ts'
import { verifyJws } from '../../acme/jws/verify.ts'
import { AcmeError } from '../../acme/problem.ts'
import { targetOf } from '../host.ts'
import { notJose } from './problems.ts'
import type { AcmeUrls } from './urls.ts'

export type Payload = Readonly<Record<string, unknown>>

/** A request whose signature is proven, and whose nonce is used up. */
export interface Signed {
  readonly jws: ParsedJws
  readonly urls: AcmeUrls
}
export type SignedByAccount = Signed & { readonly holder: Holder }
export type SignedByKey = Signed & { readonly key: AccountKey }

/** Reads ACME's requests (RFC 8555 6.2 to 6.5), each of which says what it is signed with. */
export class SignedRequests {
  readonly #acme: Acme
  readonly #urls: (request: FastifyRequest) => AcmeUrls

  constructor(acme: Acme, urls: (request: FastifyRequest) => AcmeUrls) {
    this.#acme = acme
    this.#urls = urls
  }

  async byAccount(request: FastifyRequest): Promise<SignedByAccount> {
    const signed = this.#read(request)
    const { kid } = signed.jws.header
    if (kid === undefined) {
      throw new AcmeError('malformed', 'This request is signed for an account: the header must have "kid".')
    }
    return this.#proveAccount(signed, kid)
  }

  async byKey(request: FastifyRequest): Promise<SignedByKey> {
    const signed = this.#read(request)
    const { jwk } = signed.jws.header
    if (jwk === undefined) {
      throw new AcmeError('malformed', 'This request is signed by a new key: the header must have "jwk".')
    }
    return proveKey(signed, jwk)
  }

  /** For revokeCert, which takes both. */
  async byEither(request: FastifyRequest): Promise<SignedByAccount | SignedByKey> {
    const signed = this.#read(request)
    const { kid, jwk } = signed.jws.header
    return kid === undefined ? proveKey(signed, jwk) : this.#proveAccount(signed, kid)
  }

  #read(request: FastifyRequest): Signed {
    const urls = this.#urls(request)
    // Fastify asks for no type where there is no body.
    if (!Buffer.isBuffer(request.body)) throw notJose()
    const jws = parseJws(request.body)
    requireUrl(jws, urls.origin + targetOf(request))
    this.#acme.nonces.spend(jws.header.nonce)
    return { jws, urls }
  }

  async #proveAccount(signed: Signed, kid: string): Promise<SignedByAccount> {
    const accountId = signed.urls.accountOf(kid)
    if (accountId === null) {
      throw new AcmeError('accountDoesNotExist', 'The "kid" is not the URL of an account of this service.')
    }
    const holder = await this.#acme.holder(accountId, kid)
    await verifyJws(signed.jws, holder.key)
    return { ...signed, holder }
  }
}

async function proveKey(signed: Signed, jwk: unknown): Promise<SignedByKey> {
  const key = readJwk(jwk)
  await verifyJws(signed.jws, key)
  return { ...signed, key }
}

/** The payload of a request that has one. */
export function payloadOf({ jws }: Signed): Payload {
  if (jws.payload === null) throw new AcmeError('malformed', 'The payload is empty: this request needs one.')
  return jws.payload
}

/** POST-as-GET (RFC 8555 6.3): nothing may be in it. */
export function requireEmpty({ jws }: Signed): void {
  if (jws.payload !== null) {
    throw new AcmeError('malformed', 'This address is read by POST-as-GET: the payload must be empty.')
  }
}
