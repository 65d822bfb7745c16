import type { Principal } from '../auth/principal.ts'
import { actsAs } from '../auth/roles.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { EXTENDED_KEY_USAGES, EXTENSION, extendedKeyUsageOf } from '../pki/certificate/extensions.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { Service } from '../service.ts'
import { certificatesFound } from '../store/certificates-found.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { CertificateChoice } from './resource-name.ts'

type Parts = Pick<Service, 'clock' | 'config' | 'store'>

export interface CertificateWish {
  readonly choice: CertificateChoice
  readonly purpose: 'serverAuth' | 'clientAuth'
}

/** A name may stand in many certificates, of which some are for other purposes: so many of the newest are looked at. */
const CANDIDATES = 100

/**
 * The certificate that the wish means: of several that have begun the newest, revoked or not. An older one that is still valid would not fit
 * the key that Envoy has, and Envoy would go on with its last, good staple. Only one that shares a name with whoever asks,
 * unless the configuration or an admin key allows more. Throws `CaError` "notFound" or "forbidden".
 */
export async function chooseCertificate(
  { choice, purpose }: CertificateWish,
  principal: Principal,
  service: Parts,
): Promise<CertificateRow> {
  const own = await ownCertificate(principal, service)
  const row =
    choice.by === 'self'
      ? await newestRenewal(own, service)
      : choice.by === 'serial'
        ? await service.store.read.certificate(choice.serialNumber)
        : await newestWithName(choice.name, purpose, service)
  if (!row) throw new CaError('notFound', missing(choice, purpose))
  checkAllowed(row, own, principal, service)
  return row
}

async function ownCertificate(principal: Principal, { store }: Parts): Promise<CertificateRow | null> {
  return principal.kind === 'certificate' ? store.read.certificate(principal.serialNumber) : null
}

/** Whoever renewed goes on under the newest certificate, also while the connection was made with an older one. */
async function newestRenewal(
  own: CertificateRow | null,
  { store, clock }: Parts,
): Promise<CertificateRow | null> {
  if (!own) throw new CaError('malformedRequest', '"self" is for those who show a client certificate.')
  const newest = await store.read.newestRenewal(own.serialNumber, epochSeconds(clock()))
  if (newest === null) {
    throw new CaError(
      'conflict',
      'The client certificate was renewed too often since, one time after the other: show a newer one.',
    )
  }
  return newest === own.serialNumber ? own : store.read.certificate(newest)
}

async function newestWithName(
  name: SubjectName,
  purpose: CertificateWish['purpose'],
  { store, clock }: Parts,
): Promise<CertificateRow | null> {
  const now = epochSeconds(clock())
  const text = nameText(name)
  let seen = 0
  for await (const { serialNumber, names, notBefore } of certificatesFound(
    store.read,
    { wholeName: name.value, expiresAfter: now, now },
    CANDIDATES,
  )) {
    if (++seen > CANDIDATES) break
    // Clients would turn away one that an ACME order has begin later.
    if (notBefore > now || !names.some((one) => nameText(one) === text)) continue
    const row = await store.read.certificate(serialNumber)
    if (row && isFor(row.der, purpose)) return row
  }
  return null
}

function isFor(der: Buffer, purpose: CertificateWish['purpose']): boolean {
  const value = parseCertificate(der).extensions.find(({ oid }) => oid === EXTENSION.extendedKeyUsage)?.value
  // RFC 5280 4.2.1.12: without the extension it is for any purpose.
  return value === undefined || extendedKeyUsageOf(value).includes(EXTENDED_KEY_USAGES[purpose])
}

function checkAllowed(
  row: CertificateRow,
  own: CertificateRow | null,
  principal: Principal,
  { config }: Parts,
): void {
  if (actsAs(principal, 'auditor')) return
  const names = new Set(own?.names.map(nameText))
  if (row.names.some((name) => names.has(nameText(name)))) return
  if (own?.revocation) {
    throw new CaError(
      'certificateRevoked',
      'The client certificate is revoked: only certificates that share a name with it can be fetched by it.',
    )
  }
  if (config.sds.clients.some((name) => names.has(name))) return
  throw new CaError(
    'forbidden',
    'The client certificate has none of the names of that certificate: add one of its names to sds.clients to let it fetch all.',
  )
}

function missing(choice: CertificateChoice, purpose: CertificateWish['purpose']): string {
  if (choice.by !== 'name')
    return `There is no certificate here for ${choice.by === 'serial' ? choice.serialNumber : 'this client'}.`
  const [wanted, way] =
    purpose === 'serverAuth'
      ? ['servers', '"&use=client" asks for one of a TLS client']
      : ['clients', 'without "use=client" one of a TLS server is asked for']
  return `No certificate for ${nameText(choice.name)} is valid now and for TLS ${wanted}; ${way}.`
}
