import { AcmeError } from '../problem.ts'
import { SIGNATURE_ALGORITHM_NAMES } from './algorithms.ts'
import { type AccountKey, isJwkOf, readJwk } from './jwk.ts'
import { type ParsedJws, readJws } from './parse.ts'
import { verifyJws } from './verify.ts'

const INNER = 'the inner JWS'

/**
 * The new key of keyChange (RFC 8555 7.3.5). `outer` is proven already, by the account's current key. Checks 2 to 8 of that
 * section are made here; that no account has the new key, this one included, is for the store to say (check 9: 409).
 * AcmeError 'malformed', 'badSignatureAlgorithm', or 'badPublicKey' for the new key.
 */
export async function readRollover(
  outer: Pick<ParsedJws, 'header' | 'payload'>,
  current: AccountKey,
): Promise<AccountKey> {
  const account = outer.header.kid
  if (account === undefined) {
    throw new AcmeError('malformed', 'The JWS around a key change must name the account by "kid".')
  }
  const inner = readJws(outer.payload, INNER, SIGNATURE_ALGORITHM_NAMES)
  const { jwk, nonce, url } = inner.header
  if (!jwk) throw new AcmeError('malformed', `The header of ${INNER} must have the new key as "jwk".`)
  if (nonce !== null) throw new AcmeError('malformed', `The header of ${INNER} must not have a "nonce".`)
  if (url !== outer.header.url) {
    throw new AcmeError('malformed', `The "url" of ${INNER} is not that of the JWS around it.`)
  }
  const newKey = readJwk(jwk)
  await verifyJws(inner, newKey)
  if (inner.payload?.account !== account) {
    throw new AcmeError('malformed', `The "account" in ${INNER} is not the "kid" of the JWS around it.`)
  }
  if (!isJwkOf(inner.payload.oldKey, current)) {
    throw new AcmeError('malformed', `The "oldKey" in ${INNER} is not the account's current key.`)
  }
  return newKey
}
