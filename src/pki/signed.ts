import { bitString, sequence, TAG, tlvHeader } from './der/write.ts'
import type { SignatureAlgorithm } from './keys/algorithms.ts'

/**
 * SEQUENCE { toBeSigned, AlgorithmIdentifier, BIT STRING }: the one form that certificates (RFC 5280 4.1),
 * CRLs (5.1) and OCSP's BasicOCSPResponse (RFC 6960 4.2.1) share. `after`: what the last may have behind them, its certs.
 */
export function assembleSigned(
  tbs: Uint8Array,
  algorithm: Pick<SignatureAlgorithm, 'identifier'>,
  signature: Uint8Array,
  ...after: readonly Uint8Array[]
): Buffer {
  return sequence(tbs, algorithm.identifier, bitString(signature), ...after)
}

/** Before what is to be signed: for the outer tag and length. */
const HEADROOM = 6
/** Behind it: for the AlgorithmIdentifier and the signature, with RSA up to 8192 bits. */
const TAILROOM = 2048

/** What is to be signed, in memory that has room for what comes around it, so that 50 MB are not copied for a signature. */
export interface Roomy {
  readonly memory: Uint8Array<ArrayBuffer>
  /** Octets to be signed. */
  readonly length: number
}

export function roomyCopy(parts: readonly Uint8Array[]): Roomy {
  let length = 0
  for (const part of parts) length += part.length
  // Memory of its own, which can be passed on to another thread; Buffer's small ones share a pool.
  const memory = new Uint8Array(new ArrayBuffer(HEADROOM + length + TAILROOM))
  let at = HEADROOM
  for (const part of parts) {
    memory.set(part, at)
    at += part.length
  }
  return { memory, length }
}

export function toBeSigned({ memory, length }: Roomy): Uint8Array {
  return memory.subarray(HEADROOM, HEADROOM + length)
}

/** `assembleSigned` around what is there already; the result is a view of the same memory. */
export function assembleInPlace(roomy: Roomy, algorithm: SignatureAlgorithm, signature: Uint8Array): Buffer {
  const tail = Buffer.concat([algorithm.identifier, bitString(signature)])
  if (tail.length > TAILROOM) return assembleSigned(toBeSigned(roomy), algorithm, signature)
  const { memory, length } = roomy
  const header = tlvHeader(TAG.sequence, length + tail.length)
  const start = HEADROOM - header.length
  memory.set(header, start)
  memory.set(tail, HEADROOM + length)
  return Buffer.from(memory.buffer, start, header.length + length + tail.length)
}
