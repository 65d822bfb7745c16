import type { Principal } from '../auth/principal.ts'
import { epochSeconds } from '../clock.ts'
import { bundledAuthorities, bundledCrls } from '../crl/bundle.ts'
import type { PublishedCrl } from '../crl/published-crl.ts'
import { CaError } from '../errors.ts'
import { proveOcspResponse } from '../ocsp/prove-response.ts'
import { stapleRequest } from '../ocsp/staple.ts'
import { encodePem } from '../pki/pem.ts'
import type { Service } from '../service.ts'
import type { CertificateRow } from '../store/queries.ts'
import { chooseCertificate } from './choose-certificate.ts'
import { parseResourceName, type ResourceName } from './resource-name.ts'
import { type Secret, type SecretContent, secret, secretVersion } from './secret.ts'

type Wish<Kind extends ResourceName['kind']> = Extract<ResourceName, { kind: Kind }>
type Parts = Pick<Service, 'authorities' | 'clock' | 'config' | 'crl' | 'ocsp' | 'store'>

/** What changes otherwise than by time is heard of; this is for clocks. Seconds. */
const REFRESH = 3600

/**
 * The secret of this name, complete and checked: Envoy checks neither a staple's signature nor that a CRL is current. Throws
 * `CaError`: "malformedRequest" for no name, "notFound", "forbidden", or "authorityNotReady" while it cannot be given, and
 * the secret of before had better stay.
 */
export async function findSecret(name: string, principal: Principal, service: Parts): Promise<Secret> {
  const wish = parseResourceName(name)
  if (principal.kind === 'token') {
    throw new CaError(
      'forbidden',
      'An enrolment token fetches no secrets: use a client certificate of this CA.',
    )
  }
  return wish.kind === 'trust'
    ? trustSecret(name, wish, service)
    : certificateSecret(name, wish, principal, service)
}

async function trustSecret(name: string, { bundle, crl }: Wish<'trust'>, service: Parts): Promise<Secret> {
  const now = epochSeconds(service.clock())
  // Without CRLs none is missing.
  const begun = crl ? service.crl : { hasPublished: () => true }
  const authorities = bundledAuthorities(bundle, service.authorities.all(), begun, now)
  // Roots alone: with an intermediate as anchor Envoy would no longer look at the root's CRL.
  // And none that is retired, though something below it may still answer.
  const trusted = new Set(service.authorities.roots().map((der) => der.toString('hex')))
  const roots = new Map(
    authorities
      .map((one) => one.chain.at(-1) ?? one.certificate.der)
      .map((der) => [der.toString('hex'), der] as const)
      .filter(([hex]) => trusted.has(hex)),
  )
  if (roots.size === 0)
    throw new CaError('authorityNotReady', `No root of the bundle "${bundle}" is to be trusted any more.`)
  const crls = crl ? bundledCrls(authorities, service.crl, now) : null
  const refreshAt = Math.min(now + REFRESH, ...(crls ?? []).map(({ nextUpdate }) => nextUpdate))
  return { ...(await assemble(name, [...roots.values()], crls, service)), refreshAt }
}

type Assembled = Omit<Secret, 'refreshAt'>

/** By the name of the secret. There are a few for each authority. */
const assembled = new WeakMap<
  Parts['crl'],
  Map<string, { of: readonly object[]; secret: Promise<Assembled> }>
>()

/** With long CRLs it is many megabytes, and many Envoys are told of each change: so it is made once, until a part is replaced. */
function assemble(
  name: string,
  roots: readonly Buffer[],
  crls: readonly PublishedCrl[] | null,
  { crl }: Parts,
): Promise<Assembled> {
  const known = assembled.get(crl) ?? new Map()
  assembled.set(crl, known)
  const of = [...roots, ...(crls ?? [])]
  const before = known.get(name)
  if (before?.of.length === of.length && of.every((one, i) => one === before.of[i])) return before.secret
  const fresh = putTogether(name, roots, crls)
  known.set(name, { of, secret: fresh })
  return fresh
}

/** Long CRLs are encoded in slices, and told apart by their tags: to hash them too would hold everybody up. */
async function putTogether(
  name: string,
  roots: readonly Buffer[],
  crls: readonly PublishedCrl[] | null,
): Promise<Assembled> {
  const anchors = roots.map((der) => encodePem('CERTIFICATE', der)).join('')
  const lists = crls && (await Promise.all(crls.map(({ pemOctets }) => pemOctets)))
  const content: SecretContent = {
    name,
    validation_context: {
      trusted_ca: { inline_string: anchors },
      ...(lists ? { crl: { inline_string: lists.map((pem) => pem.toString('latin1')).join('') } } : {}),
    },
  }
  const tags = crls?.map(({ etag }) => etag) ?? null
  return { content, version: secretVersion(JSON.stringify([name, anchors, tags])) }
}

async function certificateSecret(
  name: string,
  { choice, keyFile, purpose, staple }: Wish<'certificate'>,
  principal: Principal,
  service: Parts,
): Promise<Secret> {
  const row = await chooseCertificate({ choice, purpose }, principal, service)
  const stapled = staple ? await stapleOf(row, service) : null
  const chain = [row.der, ...service.authorities.chainFor(row)]
  const content: SecretContent = {
    name,
    tls_certificate: {
      certificate_chain: { inline_string: chain.map((one) => encodePem('CERTIFICATE', one)).join('') },
      private_key: { filename: keyFile },
      ...(stapled ? { ocsp_staple: { inline_bytes: stapled.der.toString('base64') } } : {}),
    },
  }
  return secret(content, stapled?.refreshAt ?? epochSeconds(service.clock()) + REFRESH)
}

async function stapleOf(row: CertificateRow, { authorities, clock, ocsp }: Parts) {
  const now = epochSeconds(clock())
  const authority = authorities.get(row.authority)
  const answer = authority && (await ocsp.respond(stapleRequest(authority, row.serialNumber)))
  if (!authority || answer?.status !== 'successful' || !answer.cacheable) {
    throw new CaError(
      'authorityNotReady',
      `No OCSP response about ${row.serialNumber} can be signed now (${answer?.status ?? 'no authority'}).`,
    )
  }
  const proven = proveOcspResponse(answer.der, authority.certificate, now)
  return { der: proven.der, refreshAt: now + Math.max(1, answer.cacheable.maxAge) }
}
