import { createHash } from 'node:crypto'
import type { Principal } from '../auth/principal.ts'
import { CHALLENGE_PASSWORD, EST_IDENTITY_LINKING } from '../pki/csr/channel-binding.ts'
import { nameText } from '../pki/names/san.ts'
import { type IssuanceRequest, type KeyProof, requestedKey } from './request.ts'

/**
 * For an idempotency key the same request is the same CSR, octet by octet, and the same wishes, by the same principal. Over EST, whose
 * clients choose no key, it is what they ask for.
 */
export function idempotencyOf(request: IssuanceRequest, principal: Principal) {
  if (request.idempotencyKey === undefined) return null
  const { proof, protocol } = request
  const hash = createHash('sha256')
  if (protocol === 'est') hash.update(contentHash(proof))
  else hash.update(proof.kind === 'csr' ? proof.csr.der : requestedKey(proof).spki)
  hash.update(JSON.stringify(wishesOf(request)))
  return { scope: principal.id, key: request.idempotencyKey, requestHash: hash.digest() }
}

/** Attributes by which a CSR belongs to one connection, so that each try has another (RFC 7030 3.5, RFC 7894). */
const OF_THE_CONNECTION = new Set([CHALLENGE_PASSWORD, EST_IDENTITY_LINKING])

/**
 * By which a request that waits for approval is found again, SHA-256: who asks for what, for which key. The CSR's signature
 * is left out, since clients sign anew at each try and ECDSA never gives the same twice.
 */
export function fingerprintOf(request: IssuanceRequest, principal: Principal): Buffer {
  const parts = [principal.id, ...contentOf(request.proof), wishesOf(request)]
  return createHash('sha256').update(JSON.stringify(parts)).digest()
}

/** SHA-256 of what is asked for, and for which key, however often it is signed anew and for whatever connection. */
export function contentHash(proof: KeyProof): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(contentOf(proof)))
    .digest()
}

function contentOf(proof: KeyProof): readonly unknown[] {
  const key = requestedKey(proof).spki.toString('base64')
  if (proof.kind === 'tls') return ['tls', key]
  const attributes = proof.csr.attributes
    .filter(({ oid }) => !OF_THE_CONNECTION.has(oid))
    .map(({ oid, values }) => [oid, ...values.map((value) => value.toString('base64'))])
  return ['csr', key, proof.csr.subject.toString('base64'), attributes]
}

function wishesOf(request: IssuanceRequest): readonly unknown[] {
  return [
    request.profile ?? null,
    request.authority ?? null,
    request.names?.map(nameText) ?? null,
    request.validity ?? null,
    request.notAfter ?? null,
    request.renewalOf?.serialNumber ?? null,
  ]
}
