import type { Static } from 'typebox'
import { stateOf } from '../../ca/waiting-requests.ts'
import { encodePem } from '../../pki/pem.ts'
import Type from '../../schema/build.ts'
import type { RequestRow } from '../../store/approval-queries.ts'
import { CertificateView } from './certificate-view.ts'
import {
  Names,
  Nullable,
  oneOf,
  Pem,
  SerialNumber,
  showNames,
  showTime,
  showTimeOrNull,
  Time,
} from './schemas.ts'

export const RequestState = oneOf('pending', 'approved', 'refused', 'expired')

/** What a caller gets whose request waits for an admin. */
export const PendingView = Type.Object(
  {
    id: Type.Integer(),
    state: Type.Literal('pending'),
    statusUrl: Type.String({
      description: 'Where the request can be looked at, by its caller and by admins.',
    }),
    expiresAt: Time,
    retryAfter: Type.Integer({ description: 'Seconds, as in the header.' }),
  },
  { description: 'The request waits for an admin. Make it again after Retry-After seconds.' },
)

export const RequestSummary = Type.Object({
  id: Type.Integer(),
  state: RequestState,
  requestedBy: Type.String({ description: 'Who asked: "token:17", "certificate:4f…".' }),
  protocol: Type.String({ description: 'How it came: "rest", "est", or "library".' }),
  profile: Type.String(),
  authority: Nullable(Type.String({ description: 'The authority asked for, if one was.' })),
  subject: Type.String({ description: 'RFC 4514; empty where the names carry the identity.' }),
  names: Names,
  keyType: Type.String(),
  keySha256: Type.String({
    description: 'SHA-256 of the public key (subjectPublicKeyInfo), lower-case hexadecimal.',
  }),
  validity: Nullable(Type.Integer({ description: 'The life asked for, in seconds.' })),
  notAfter: Nullable(Time),
  replaces: Nullable(SerialNumber),
  createdAt: Time,
  expiresAt: Time,
  decidedAt: Nullable(Time),
  decidedBy: Type.Optional(Nullable(Type.String({ description: 'Only for admins.' }))),
  reason: Nullable(Type.String({ description: 'Why it was refused.' })),
  serialNumber: Nullable(SerialNumber),
})

export const RequestView = Type.Object({
  ...RequestSummary.properties,
  csr: Nullable(Pem),
  certificate: Nullable(CertificateView),
})

/** `now` in seconds since 1970. */
export function showRequest(row: RequestRow, now: number): Static<typeof RequestSummary> {
  return {
    id: row.requestId,
    state: stateOf(row, now),
    requestedBy: row.principal,
    protocol: row.protocol,
    profile: row.profile,
    authority: row.authority,
    subject: row.subject,
    names: showNames(row.names),
    keyType: row.keyType,
    keySha256: row.keyHash.toString('hex'),
    validity: row.validity,
    notAfter: showTimeOrNull(row.notAfter),
    replaces: row.renewalOf,
    createdAt: showTime(row.createdAt),
    expiresAt: showTime(row.expiresAt),
    decidedAt: showTimeOrNull(row.decidedAt),
    decidedBy: row.decidedBy,
    reason: row.reason,
    serialNumber: row.serialNumber,
  }
}

export function csrPem({ csr }: RequestRow): string | null {
  return csr && encodePem('CERTIFICATE REQUEST', csr)
}
