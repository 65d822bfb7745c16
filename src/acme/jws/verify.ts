import { type VerifyKeyObjectInput, verify } from 'node:crypto'
import { AcmeError } from '../problem.ts'
import { requireAlgorithm, SIGNATURE_SCHEMES, type SignatureScheme } from './algorithms.ts'
import type { AccountKey } from './jwk.ts'
import { type ParsedJws, signingInput } from './parse.ts'

/** What of a JWS its signature covers, and how. */
export type SignedJws = Pick<ParsedJws, 'protectedText' | 'payloadText' | 'signature'> & {
  readonly header: Pick<ParsedJws['header'], 'alg'>
}

/** Octets that an ECDSA signature may lack: then there are as many ways and one to complete it, and each is tried. */
const MOST_DROPPED = 3

/**
 * Proves that the key made the signature. AcmeError 'badSignatureAlgorithm' with the key's own algorithms if `alg` is none
 * of them; 'malformed' for a wrong signature. RFC 8555 names no type for it; Boulder and Pebble say malformed, and
 * 'unauthorized' would tell clients that the account may not do this, which nobody can know of a stranger's message.
 */
export async function verifyJws(jws: SignedJws, key: AccountKey): Promise<void> {
  const scheme: SignatureScheme =
    SIGNATURE_SCHEMES[requireAlgorithm(jws.header.alg, key.algorithms, 'this key')]
  const input = signingInput(jws)
  const options = { key: key.key, ...scheme.options }
  for (const signature of candidates(jws.signature, scheme)) {
    const right = key.fast
      ? verify(scheme.hash, input, options, signature)
      : await verifyInPool(scheme, input, options, signature)
    if (right) return
  }
  throw new AcmeError(
    'malformed',
    'JWS verification error: the signature was not made by this key, or what it covers was changed.',
  )
}

/**
 * Apple's client drops leading zeros of r and s, so that which of them lacks octets is not to be seen: each way is tried. It is
 * safe: whatever verifies here is a signature that verifies in full, which nobody but the holder of the key can make. That it
 * has a second spelling matters to none: it is the nonce that keeps a request from being played again.
 */
function candidates(signature: Buffer, { half }: SignatureScheme): Buffer[] {
  if (half === undefined || signature.length === 2 * half) return [signature]
  const dropped = 2 * half - signature.length
  if (dropped < 0 || dropped > MOST_DROPPED) return []
  return Array.from({ length: dropped + 1 }, (_, ofR) => {
    const whole = Buffer.alloc(2 * half)
    const lengthOfR = half - ofR
    signature.copy(whole, ofR, 0, lengthOfR)
    signature.copy(whole, half + dropped - ofR, lengthOfR)
    return whole
  })
}

function verifyInPool(
  { hash }: SignatureScheme,
  input: Buffer,
  key: VerifyKeyObjectInput,
  signature: Buffer,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(hash, input, key, signature, (error, right) => {
      if (error) reject(error)
      else resolve(right)
    })
  })
}
