import { createHmac, timingSafeEqual } from 'node:crypto'
import { AcmeError } from '../problem.ts'
import { MAC_ALGORITHM_NAMES, MAC_HASHES, type MacAlgorithmName, requireAlgorithm } from './algorithms.ts'
import { type AccountKey, isJwkOf } from './jwk.ts'
import { readJws, signingInput } from './parse.ts'

const BINDING = 'the externalAccountBinding'

export interface ExternalBinding {
  /** Which key the administrator handed out; what it names is for the caller to find. */
  readonly kid: string
  readonly alg: MacAlgorithmName
  /** Whether the MAC was made with this secret, in a time that does not depend on the MAC. */
  verify(secret: Buffer): boolean
}

/**
 * The member `externalAccountBinding` of newAccount (RFC 8555 7.3.4): a JWS whose payload is the account's key, with a MAC by
 * a key that an administrator handed out. Everything but the MAC is checked here. AcmeError 'malformed' or
 * 'badSignatureAlgorithm'.
 */
export function readExternalBinding(
  value: unknown,
  outer: { readonly url: string; readonly accountKey: AccountKey },
): ExternalBinding {
  const jws = readJws(value, BINDING, MAC_ALGORITHM_NAMES)
  const { kid, nonce, url } = jws.header
  const alg = requireAlgorithm(jws.header.alg, MAC_ALGORITHM_NAMES, BINDING)
  if (!kid)
    throw new AcmeError('malformed', `The header of ${BINDING} must have the "kid" that you were given.`)
  if (nonce !== null) throw new AcmeError('malformed', `The header of ${BINDING} must not have a "nonce".`)
  if (url !== outer.url) {
    throw new AcmeError('malformed', `The "url" of ${BINDING} is not that of the JWS around it.`)
  }
  if (!isJwkOf(jws.payload, outer.accountKey)) {
    throw new AcmeError('malformed', `The payload of ${BINDING} is not the key that signs the JWS around it.`)
  }
  const input = signingInput(jws)
  return {
    kid,
    alg,
    verify(secret) {
      const mac = createHmac(MAC_HASHES[alg], secret).update(input).digest()
      return jws.signature.length === mac.length && timingSafeEqual(jws.signature, mac)
    },
  }
}
