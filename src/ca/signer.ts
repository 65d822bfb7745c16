import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../pki/keys/algorithms.ts'

/** A private key that can only sign. Asynchronous, since it may be a thread pool, a token or a KMS. */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: KeyObject
  /** DER subjectPublicKeyInfo of `publicKey`. */
  readonly spki: Buffer
  /** The signature over `tbs`, in the form that certificates carry (ECDSA: DER SEQUENCE of r and s). */
  sign(tbs: Uint8Array): Promise<Buffer>
}
