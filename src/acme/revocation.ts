import type { Origin, Principal } from '../auth/principal.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { REASON } from '../pki/crl/reasons.ts'
import type { CertificateRow } from '../store/queries.ts'
import { type AcmeContext, accountPrincipal } from './context.ts'
import { sufficientProofs } from './identifier.ts'
import type { AccountKey } from './jws/jwk.ts'
import { AcmeError } from './problem.ts'

/** Who asks: an account, or whoever holds the certificate's own key (RFC 8555 7.6). */
export type Revoking = { readonly accountId: number } | { readonly key: AccountKey }

/** What a subscriber may say. A hold is an admin's to set and to lift, and the others speak of CAs or of nothing. */
const REASONS: readonly number[] = [
  REASON.unspecified,
  REASON.keyCompromise,
  REASON.affiliationChanged,
  REASON.superseded,
  REASON.cessationOfOperation,
  REASON.privilegeWithdrawn,
]

/** Resolves when OCSP and CRL say it. Throws "unauthorized", "alreadyRevoked", "badRevocationReason" or "malformed". */
export async function revokeCertificate(
  wish: { readonly der: Buffer; readonly reason: unknown },
  by: Revoking,
  origin: Origin,
  context: Pick<AcmeContext, 'store' | 'clock' | 'config' | 'revoker'>,
): Promise<void> {
  const reason = wish.reason ?? REASON.unspecified
  if (typeof reason !== 'number' || !REASONS.includes(reason)) {
    throw new AcmeError(
      'badRevocationReason',
      `The reason ${JSON.stringify(reason)?.slice(0, 40)} is not taken. Taken: ${REASONS.join(', ')}.`,
    )
  }
  const row = await issuedHere(wish.der, context)
  const principal = await revokingPrincipal(row, by, context)
  if (row.notAfter < epochSeconds(context.clock())) {
    throw new AcmeError('unauthorized', 'The certificate has expired: it cannot be revoked any more.')
  }
  const outcome = await context.revoker.revoke(
    row.serialNumber,
    { reason, invalidityDate: null },
    principal,
    origin,
  )
  if (!outcome.changed) throw new AcmeError('alreadyRevoked', 'The certificate is revoked already.')
}

async function issuedHere(der: Buffer, { store }: Pick<AcmeContext, 'store'>): Promise<CertificateRow> {
  let serialNumber: string
  try {
    serialNumber = parseCertificate(der, 'malformedRequest').serialNumber
  } catch (error) {
    if (error instanceof CaError) throw new AcmeError('malformed', `The certificate: ${error.detail}`)
    throw error
  }
  const row = await store.read.certificate(serialNumber)
  if (!row?.der.equals(der)) {
    throw new AcmeError('malformed', 'The certificate was not issued here.', { status: 404 })
  }
  return row
}

async function revokingPrincipal(
  row: CertificateRow,
  by: Revoking,
  { store, clock, config }: Pick<AcmeContext, 'store' | 'clock' | 'config'>,
): Promise<Principal> {
  const { serialNumber } = row
  if ('key' in by) {
    if (!parseCertificate(row.der).spki.equals(by.key.spki)) {
      throw new AcmeError('unauthorized', 'The request is signed by another key than the certificate’s.')
    }
    return { kind: 'certificate', id: `certificate:${serialNumber}`, serialNumber }
  }
  const { accountId } = by
  const principal = accountPrincipal(accountId)
  if (row.principal !== principal.id) {
    const wanted = row.names.map((name) => ({ any: sufficientProofs(name) }))
    const now = epochSeconds(clock())
    const holds = await store.read.areAcmeIdentifiersAuthorized(accountId, wanted, config.challenges, now)
    if (!holds || wanted.length === 0) {
      throw new AcmeError(
        'unauthorized',
        'The account has neither ordered this certificate nor proven all of its names.',
      )
    }
  }
  return { ...principal, revocable: serialNumber }
}
