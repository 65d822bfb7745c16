import type { Principal } from '../auth/principal.ts'
import { tokenHolder } from '../auth/tokens.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { readChangeSubjectName } from '../pki/csr/change-subject-name.ts'
import { parseCsr } from '../pki/csr/parse.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import type { RequestRow } from '../store/approval-queries.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { IssuanceRequest, KeyProof } from './request.ts'

const CERTIFICATE = 'certificate:'

/** Who made a request, with what that principal may do now. Whether it was revoked the store knows, as it records what it gets. */
export async function requesterOf(
  { principal, tokenId, renewalOf, protocol, profile, names }: RequestRow,
  store: Store,
): Promise<Principal> {
  const token = tokenId === null ? null : await store.read.token(tokenId)
  if (token) return tokenHolder(token)
  if (principal.startsWith(CERTIFICATE) && renewalOf !== null)
    return { kind: 'certificate', id: principal, serialNumber: principal.slice(CERTIFICATE.length) }
  // Over EST, what the label allowed when it was asked for; the profile and the authority have their say anew.
  if (protocol === 'est') return { kind: 'enrollee', id: principal, grant: { profile, names, patterns: [] } }
  throw new CaError('internal', `Nobody knows what ${principal} may ask for.`)
}

/** By which a principal is known; null for one that is known by anything else. */
export async function certificateOf(principal: string, store: Store): Promise<CertificateRow | null> {
  return principal.startsWith(CERTIFICATE)
    ? store.read.certificate(principal.slice(CERTIFICATE.length))
    : null
}

/** What was asked for, as it is on record. Its certificate to be renewed is as it is now. */
export async function requestOf(row: RequestRow, store: Store): Promise<IssuanceRequest> {
  const { profile, authority, validity, notAfter, names, protocol } = row
  const old = row.renewalOf === null ? null : await store.read.certificate(row.renewalOf)
  return {
    proof: proofOf(row, old),
    profile,
    authority: authority ?? undefined,
    protocol: protocol === 'est' ? protocol : undefined,
    validity: validity ?? undefined,
    notAfter: notAfter ?? undefined,
    ...(old ? { renewalOf: old } : { names, commonNames: changedCommonNames(row) }),
  }
}

/** Those that a re-enrolment over EST wanted instead of the CSR's own. */
function changedCommonNames({ csr, protocol }: RequestRow): readonly string[] | undefined {
  const change = csr && protocol === 'est' ? readChangeSubjectName(parseCsr(csr).attributes) : null
  return change?.subject ? change.commonNames : undefined
}

function proofOf({ csr }: RequestRow, old: CertificateRow | null): KeyProof {
  if (csr) return { kind: 'csr', csr: parseCsr(csr) }
  if (!old) throw new CaError('internal', 'A request has neither a CSR nor a certificate to renew.')
  return { kind: 'tls', publicKey: readPublicKey(parseCertificate(old.der).spki) }
}
