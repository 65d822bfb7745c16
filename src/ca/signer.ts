import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../pki/keys/algorithms.ts'
import type { SigningPurpose } from './signing-turns.ts'

/** A private key that can only sign. Asynchronous, since it may be a thread pool, a token or a KMS. */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: KeyObject
  /** DER subjectPublicKeyInfo of `publicKey`. */
  readonly spki: Buffer
  /**
   * The signature over `tbs`, in the form that certificates carry (ECDSA: DER SEQUENCE of r and s). `purpose`: whom a slow
   * key makes wait where it is asked for more than it can do; by default a certificate.
   */
  sign(tbs: Uint8Array, purpose?: SigningPurpose): Promise<Buffer>
}
