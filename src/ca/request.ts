import type { CertificationRequest } from '../pki/csr/parse.ts'
import type { PublicKey, StatedKey } from '../pki/keys/public-key.ts'
import type { SubjectName } from '../pki/names/san.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { Narrowing } from './policy/narrowing.ts'

/** What every enrolment protocol translates its own bytes into. Nothing here is trusted yet. */
export interface IssuanceRequest {
  /** How the caller shows that it holds the private key. */
  readonly proof: KeyProof
  readonly profile?: string | undefined
  /** Over EST the label's, which is the configuration's word and not the client's. */
  readonly authority?: string | undefined
  /** The names wanted, if not those of the CSR. */
  readonly names?: readonly SubjectName[] | undefined
  /** The common names wanted, if not those of the CSR. */
  readonly commonNames?: readonly string[] | undefined
  /** Wanted life: at most one of the two. Seconds, and seconds since 1970. */
  readonly validity?: number | undefined
  readonly notAfter?: number | undefined
  /** The beginning of that life, where it is not now. Seconds since 1970. */
  readonly notBefore?: number | undefined
  /** The certificate to renew: its subject, names and profile are kept. */
  readonly renewalOf?: CertificateRow | undefined
  readonly idempotencyKey?: string | undefined
  /** How it came, for the admin who approves it; where none is named, from the application that embeds the CA. */
  readonly protocol?: 'rest' | 'est' | undefined
  /** What an admin leaves of it; only an approval sets this. */
  readonly narrowed?: Narrowing | undefined
}

/** A signed CSR, or, to renew with the same key, the TLS handshake in which that key was used. */
export type KeyProof =
  | { readonly kind: 'csr'; readonly csr: CertificationRequest }
  | { readonly kind: 'tls'; readonly publicKey: PublicKey }

export function requestedKey(proof: KeyProof): StatedKey {
  return proof.kind === 'csr' ? proof.csr.publicKey : proof.publicKey
}
