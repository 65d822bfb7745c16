import type { Static, TSchema } from 'typebox'
import { stateOf } from '../../ca/waiting-requests.ts'
import { encodePem } from '../../pki/pem.ts'
import Type from '../../schema/build.ts'
import type { RequestRow } from '../../store/approval-queries.ts'
import { CertificateView } from './certificate-view.ts'
import { Names, Pem, SerialNumber, showNames, showTime, Time } from './schemas.ts'

export const RequestState = Type.Union([
  Type.Literal('pending'),
  Type.Literal('approved'),
  Type.Literal('refused'),
  Type.Literal('expired'),
])

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

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const RequestSummary = Type.Object({
  id: Type.Integer(),
  state: RequestState,
  requestedBy: Type.String({ description: 'Who asked: "token:17", "certificate:4f…".' }),
  protocol: Type.String({ description: 'How it came: "rest", "est", or "library".' }),
  profile: Type.String(),
  authority: orNull(Type.String({ description: 'The authority asked for, if one was.' })),
  subject: Type.String({ description: 'RFC 4514; empty where the names carry the identity.' }),
  names: Names,
  keyType: Type.String(),
  keySha256: Type.String({
    description: 'SHA-256 of the public key (subjectPublicKeyInfo), lower-case hexadecimal.',
  }),
  validity: orNull(Type.Integer({ description: 'The life asked for, in seconds.' })),
  notAfter: orNull(Time),
  replaces: orNull(SerialNumber),
  createdAt: Time,
  expiresAt: Time,
  decidedAt: orNull(Time),
  decidedBy: Type.Optional(orNull(Type.String({ description: 'Only for admins.' }))),
  reason: orNull(Type.String({ description: 'Why it was refused.' })),
  serialNumber: orNull(SerialNumber),
})

export const RequestView = Type.Object({
  ...RequestSummary.properties,
  csr: orNull(Pem),
  certificate: orNull(CertificateView),
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
    notAfter: row.notAfter === null ? null : showTime(row.notAfter),
    replaces: row.renewalOf,
    createdAt: showTime(row.createdAt),
    expiresAt: showTime(row.expiresAt),
    decidedAt: row.decidedAt === null ? null : showTime(row.decidedAt),
    decidedBy: row.decidedBy,
    reason: row.reason,
    serialNumber: row.serialNumber,
  }
}

export function csrPem({ csr }: RequestRow): string | null {
  return csr && encodePem('CERTIFICATE REQUEST', csr)
}
