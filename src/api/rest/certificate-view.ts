import type { Static } from 'typebox'
import type { Authorities } from '../../ca/authorities.ts'
import { REASON, reasonName } from '../../pki/crl/reasons.ts'
import { encodePem } from '../../pki/pem.ts'
import Type from '../../schema/build.ts'
import type { RevocationFacts } from '../../store/commands.ts'
import type { CertificateRow, CertificateSummary } from '../../store/queries.ts'
import {
  Names,
  Nullable,
  oneOf,
  Pem,
  Revocation,
  SerialNumber,
  showNames,
  showTime,
  showTimeOrNull,
  Time,
} from './schemas.ts'

export const CertificateState = oneOf('valid', 'held', 'revoked', 'expired')

export const SummaryView = Type.Object({
  serialNumber: SerialNumber,
  authority: Type.String(),
  profile: Type.String(),
  subject: Type.String({ description: 'RFC 4514; empty where the names carry the identity.' }),
  names: Names,
  notBefore: Time,
  notAfter: Time,
  issuedAt: Time,
  principal: Type.String({
    description: 'Who asked for it: "admin:default", "token:17", "certificate:4f…".',
  }),
  state: CertificateState,
  revocation: Nullable(Revocation),
})

export const CertificateView = Type.Object({
  ...SummaryView.properties,
  certificate: Pem,
  chain: Type.Array(Pem, { description: 'From its issuer upwards, without the root.' }),
  replaces: Nullable(SerialNumber),
  replacedBy: Nullable(SerialNumber),
})

export function showRevocation(facts: RevocationFacts | null): Static<typeof Revocation> | null {
  if (!facts) return null
  return {
    revokedAt: showTime(facts.revokedAt),
    reason: reasonName(facts.reason),
    invalidityDate: showTimeOrNull(facts.invalidityDate),
  }
}

/** `now` in seconds since 1970. */
export function showSummary(row: CertificateSummary, now: number): Static<typeof SummaryView> {
  return {
    serialNumber: row.serialNumber,
    authority: row.authority,
    profile: row.profile,
    subject: row.subject,
    names: showNames(row.names),
    notBefore: showTime(row.notBefore),
    notAfter: showTime(row.notAfter),
    issuedAt: showTime(Math.floor(row.issuedAt / 1000)),
    principal: row.principal,
    state: stateOf(row, now),
    revocation: showRevocation(row.revocation),
  }
}

export function showCertificate(
  row: CertificateRow,
  authorities: Authorities,
  now: number,
): Static<typeof CertificateView> {
  return {
    ...showSummary(row, now),
    certificate: encodePem('CERTIFICATE', row.der),
    chain: chainPem(authorities, row),
    replaces: row.replaces,
    replacedBy: row.replacedBy,
  }
}

export function chainPem(
  authorities: Authorities,
  leaf: Pick<CertificateRow, 'authority' | 'profile'>,
): string[] {
  return authorities.chainFor(leaf).map(pemOf)
}

/** Of certificates of authorities, which stand behind thousands of leaves. */
const pems = new WeakMap<Buffer, string>()

function pemOf(der: Buffer): string {
  const known = pems.get(der)
  if (known !== undefined) return known
  const pem = encodePem('CERTIFICATE', der)
  pems.set(der, pem)
  return pem
}

function stateOf(row: CertificateSummary, now: number): Static<typeof CertificateState> {
  if (row.revocation) return row.revocation.reason === REASON.certificateHold ? 'held' : 'revoked'
  return row.notAfter < now ? 'expired' : 'valid'
}
