import type { Principal } from '../auth/principal.ts'
import { tokenHolder } from '../auth/tokens.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { parseCsr } from '../pki/csr/parse.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import type { RequestRow } from '../store/approval-queries.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { IssuanceRequest, KeyProof } from './request.ts'

const CERTIFICATE = 'certificate:'

/** Who made a request, with what that principal may do now. */
export async function requesterOf({ principal, tokenId }: RequestRow, store: Store): Promise<Principal> {
  const token = tokenId === null ? null : await store.read.token(tokenId)
  if (token) return tokenHolder(token)
  if (principal.startsWith(CERTIFICATE))
    return { kind: 'certificate', id: principal, serialNumber: principal.slice(CERTIFICATE.length) }
  throw new CaError('internal', `Nobody knows what ${principal} may ask for.`)
}

/** What was asked for, as it is on record. Its certificate to be renewed is as it is now. */
export async function requestOf(row: RequestRow, store: Store): Promise<IssuanceRequest> {
  const { profile, authority, validity, notAfter, names } = row
  const old = row.renewalOf === null ? null : await store.read.certificate(row.renewalOf)
  return {
    proof: proofOf(row, old),
    profile,
    authority: authority ?? undefined,
    validity: validity ?? undefined,
    notAfter: notAfter ?? undefined,
    ...(old ? { renewalOf: old } : { names }),
  }
}

function proofOf({ csr }: RequestRow, old: CertificateRow | null): KeyProof {
  if (csr) return { kind: 'csr', csr: parseCsr(csr) }
  if (!old) throw new CaError('internal', 'A request has neither a CSR nor a certificate to renew.')
  return { kind: 'tls', publicKey: readPublicKey(parseCertificate(old.der).spki) }
}
