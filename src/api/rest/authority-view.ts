import type { Static } from 'typebox'
import { revokedOf } from '../../ca/hierarchy/revoked.ts'
import type { PublishedCrl } from '../../crl/published-crl.ts'
import { fingerprint } from '../../pki/certificate/fingerprint.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { encodePem } from '../../pki/pem.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { AuthorityRow } from '../../store/queries.ts'
import { Nullable, oneOf, Pem, showTime, showTimeOrNull, Time } from './schemas.ts'

export const CrlView = Type.Object({
  number: Type.Integer(),
  thisUpdate: Time,
  nextUpdate: Time,
  entries: Type.Integer({ description: 'How many certificates it lists.' }),
})

export function showCrl({ number, thisUpdate, nextUpdate, entries }: PublishedCrl): Static<typeof CrlView> {
  return { number, thisUpdate: showTime(thisUpdate), nextUpdate: showTime(nextUpdate), entries }
}

export const AuthorityView = Type.Object({
  id: Type.String(),
  role: {
    ...oneOf('root', 'intermediate', 'issuing'),
    description: 'An intermediate stands between an issuing authority and its root; its key is elsewhere.',
  },
  state: oneOf('pending', 'staged', 'active', 'retired'),
  isDefault: Type.Boolean(),
  replaces: Nullable(Type.String({ description: 'The id of the authority whose place it takes.' })),
  publishedAt: Nullable({ ...Time, description: 'Since when its certificate stands in bundles.' }),
  answersUntil: Nullable({
    ...Time,
    description:
      'Until when it makes CRLs and OCSP responses: a retired one until 7 days after its last certificate ends.',
  }),
  revokedBy: Nullable(
    Type.String({
      description:
        'The id of the authority whose CRL lists its certificate, or one above it. It goes on as its state says.',
    }),
  ),
  subject: Nullable(Type.String()),
  notBefore: Nullable(Time),
  notAfter: Nullable(Time),
  fingerprint: Nullable(Type.String({ description: 'SHA-256 of the certificate, lower-case hexadecimal.' })),
  certificate: Nullable(Pem),
  chain: Type.Array(Pem, { description: 'Above it, the root last.' }),
  crl: Nullable(CrlView),
})

export function showAuthority(row: AuthorityRow, service: Service): Static<typeof AuthorityView> {
  const certificate = row.certificate && parseCertificate(row.certificate)
  const crl = service.crl.current(row.id)
  const authority = service.authorities.get(row.id)
  const revoked =
    authority && revokedOf(authority, service.authorities.all(), (id) => service.crl.current(id))
  return {
    id: row.id,
    role: row.role,
    state: row.state,
    isDefault: row.isDefault,
    replaces: row.replaces,
    publishedAt: showTimeOrNull(row.publishedAt),
    answersUntil: showTimeOrNull(authority?.answersUntil ?? null),
    revokedBy: revoked?.by ?? null,
    subject: certificate && nameToText(certificate.subject),
    notBefore: certificate && showTime(certificate.notBefore),
    notAfter: certificate && showTime(certificate.notAfter),
    fingerprint: certificate && fingerprint(certificate.der),
    certificate: certificate && encodePem('CERTIFICATE', certificate.der),
    chain: row.chain.map((der) => encodePem('CERTIFICATE', der)),
    crl: crl && showCrl(crl),
  }
}
