import { quoted } from '../../pki/names/quoted.ts'
import { AcmeError } from '../problem.ts'
import { requireAlgorithm, SIGNATURE_ALGORITHM_NAMES } from './algorithms.ts'
import { readBase64url } from './base64url.ts'
import { isObject, isThere, type JsonObject, parseJsonObject } from './json.ts'

/** Octets of a request's body: a CSR of 64 KiB in base64url twice, and room for the header. */
export const LARGEST_JWS: number = 128 * 1024

/** Exactly one of `jwk`, the key itself, and `kid`, which names it. */
export type JwsHeader = {
  readonly alg: string
  /** Whether one is needed is for the caller to say; if there is one, it is base64url. */
  readonly nonce: string | null
  readonly url: string
} & ({ readonly jwk: JsonObject; readonly kid?: never } | { readonly kid: string; readonly jwk?: never })

/** A JWS whose form is right. Nothing in it is proven until its signature is. */
export interface ParsedJws {
  /** As they were sent: the signature is over these texts with a dot between them (RFC 7515 5.1). */
  readonly protectedText: string
  readonly payloadText: string
  readonly signature: Buffer
  readonly header: JwsHeader
  /** Null for an empty payload, POST-as-GET (RFC 8555 6.3). */
  readonly payload: JsonObject | null
}

/**
 * The body of an ACME request (RFC 8555 6.2): a flattened JWS (RFC 7515 7.2.2) with a signature by an account's key.
 * Unknown members are ignored. AcmeError 'malformed', and 'badSignatureAlgorithm' for an `alg` that no key may have.
 */
export function parseJws(body: Buffer): ParsedJws {
  if (body.length > LARGEST_JWS) {
    throw new AcmeError('malformed', `The request's body has more than ${LARGEST_JWS} octets.`, {
      status: 413,
    })
  }
  return readJws(parseJsonObject(body, `The request's body`), 'the JWS', SIGNATURE_ALGORITHM_NAMES)
}

/** The same for a JWS that is a JSON value already, within another's payload. `what` names it: "the inner JWS". */
export function readJws(value: unknown, what: string, algorithms: readonly string[]): ParsedJws {
  if (!isObject(value)) throw new AcmeError('malformed', `${capital(what)} is not a JSON object.`)
  for (const name of ['signatures', 'header']) {
    if (isThere(value[name])) {
      throw new AcmeError(
        'malformed',
        `${capital(what)} has the member "${name}"; send the flattened form with one signature, all of its header protected.`,
      )
    }
  }
  const protectedText = textMember(value, 'protected', what)
  const payloadText = textMember(value, 'payload', what)
  const header = readHeader(
    parseJsonObject(decode(protectedText, 'protected', what), `The protected header of ${what}`),
    what,
    algorithms,
  )
  const signature = decode(textMember(value, 'signature', what), 'signature', what)
  const payload = decode(payloadText, 'payload', what)
  return {
    protectedText,
    payloadText,
    signature,
    header,
    payload: payload.length === 0 ? null : parseJsonObject(payload, `The payload of ${what}`),
  }
}

/** What a signature or MAC is made over (RFC 7515 5.1). */
export function signingInput({
  protectedText,
  payloadText,
}: Pick<ParsedJws, 'protectedText' | 'payloadText'>): Buffer {
  return Buffer.from(`${protectedText}.${payloadText}`, 'latin1')
}

/** RFC 8555 6.4: a request is good for the URL that its client signed alone. AcmeError 'unauthorized'. */
export function requireUrl({ header }: Pick<ParsedJws, 'header'>, requested: string): void {
  if (header.url === requested) return
  throw new AcmeError(
    'unauthorized',
    `The JWS is for the url ${quoted(header.url)}, but was sent to ${requested}; sign the URL that is asked for.`,
  )
}

function readHeader(members: JsonObject, what: string, algorithms: readonly string[]): JwsHeader {
  const alg = headerText(members, 'alg', what)
  requireAlgorithm(alg, algorithms, what)
  // RFC 7515 4.1.11: nothing critical is understood. RFC 8555 6.2: the payload is never unencoded (RFC 7797).
  for (const name of ['crit', 'b64']) {
    if (name in members) {
      throw new AcmeError(
        'malformed',
        `The header of ${what} has "${name}", which is not supported; leave it out.`,
      )
    }
  }
  const url = headerText(members, 'url', what)
  const common = { alg, nonce: readNonce(members, what), url }
  const { jwk, kid } = members
  if (isThere(jwk) === isThere(kid)) {
    const fault = isThere(jwk) ? 'both "jwk" and "kid"' : 'neither "jwk" nor "kid"'
    throw new AcmeError('malformed', `The header of ${what} has ${fault}; send exactly one of them.`)
  }
  if (isObject(jwk)) return { ...common, jwk }
  if (typeof kid === 'string') return { ...common, kid }
  throw new AcmeError(
    'malformed',
    isThere(jwk)
      ? `The "jwk" in the header of ${what} is not a JSON object.`
      : `The "kid" in the header of ${what} is not a string.`,
  )
}

/** RFC 8555 6.5.2: one that is not base64url is malformed, rather than a bad nonce that a client should try again. */
function readNonce(members: JsonObject, what: string): string | null {
  const { nonce } = members
  if (!isThere(nonce)) return null
  if (typeof nonce === 'string' && /^[\w-]+$/.test(nonce)) return nonce
  throw new AcmeError('malformed', `The "nonce" in the header of ${what} is not base64url.`)
}

function headerText(members: JsonObject, name: string, what: string): string {
  const text = members[name]
  if (typeof text === 'string') return text
  throw new AcmeError('malformed', `The protected header of ${what} must have the string "${name}".`)
}

function textMember(members: JsonObject, name: string, what: string): string {
  const text = members[name]
  if (typeof text === 'string') return text
  throw new AcmeError('malformed', `${capital(what)} must have the member "${name}", a string of base64url.`)
}

function decode(text: string, name: string, what: string): Buffer {
  const octets = readBase64url(text)
  if (octets) return octets
  throw new AcmeError('malformed', `The "${name}" of ${what} is not base64url without padding.`)
}

function capital(what: string): string {
  return what.charAt(0).toUpperCase() + what.slice(1)
}
