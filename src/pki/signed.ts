import { bitString, sequence } from './der/write.ts'
import type { SignatureAlgorithm } from './keys/algorithms.ts'

/**
 * SEQUENCE { toBeSigned, AlgorithmIdentifier, BIT STRING }: the one form that certificates (RFC 5280 4.1),
 * CRLs (5.1) and OCSP's BasicOCSPResponse (RFC 6960 4.2.1) share. `after`: what the last may have behind them, its certs.
 */
export function assembleSigned(
  tbs: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
  ...after: readonly Uint8Array[]
): Buffer {
  return sequence(tbs, algorithm.identifier, bitString(signature), ...after)
}
