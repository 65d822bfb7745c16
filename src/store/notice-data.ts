import { rfc3339 } from '../clock.ts'
import { REASON, reasonName } from '../pki/crl/reasons.ts'
import { nameText } from '../pki/names/san.ts'
import type { RequestRecord } from './approval-commands.ts'
import type { IssuanceRecord, RevocationFacts } from './commands.ts'
import type { NoticeType } from './notice-commands.ts'

/** What notices say, under the names that the REST API has for it. */

type Certificate = Pick<
  IssuanceRecord,
  'serialNumber' | 'authority' | 'profile' | 'subject' | 'names' | 'notBefore' | 'notAfter' | 'principal'
>

export function certificateData(certificate: Certificate): Record<string, unknown> {
  return {
    serialNumber: certificate.serialNumber,
    authority: certificate.authority,
    profile: certificate.profile,
    subject: certificate.subject,
    names: certificate.names.map(nameText),
    notBefore: rfc3339(certificate.notBefore),
    notAfter: rfc3339(certificate.notAfter),
    principal: certificate.principal,
  }
}

export function issuanceData(record: IssuanceRecord): Record<string, unknown> {
  return { ...certificateData(record), replaces: record.replaces }
}

export function revocationType({ reason }: RevocationFacts): NoticeType {
  return reason === REASON.certificateHold ? 'certificate.held' : 'certificate.revoked'
}

export function revocationData({
  revokedAt,
  reason,
  invalidityDate,
}: RevocationFacts): Record<string, unknown> {
  return {
    revokedAt: rfc3339(revokedAt),
    reason: reasonName(reason),
    invalidityDate: invalidityDate === null ? null : rfc3339(invalidityDate),
  }
}

export function requestData(requestId: number, record: RequestRecord): Record<string, unknown> {
  return {
    id: requestId,
    protocol: record.protocol,
    profile: record.profile,
    authority: record.authority,
    subject: record.subject,
    names: record.names.map(nameText),
    principal: record.principal,
    renewalOf: record.renewalOf,
    expiresAt: rfc3339(record.expiresAt),
  }
}
