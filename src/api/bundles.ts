import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify'
import type { Authority } from '../ca/authority.ts'
import { epochSeconds } from '../clock.ts'
import { entityTag } from '../entity-tag.ts'
import { CaError } from '../errors.ts'
import { spiffeBundle } from '../pki/bundle/jwks.ts'
import { certsOnly } from '../pki/bundle/pkcs7.ts'
import { trustStore } from '../pki/bundle/pkcs12.ts'
import { fingerprint, readFingerprint } from '../pki/certificate/fingerprint.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { nameToText } from '../pki/distinguished-name.ts'
import { encodePem } from '../pki/pem.ts'
import type { Service } from '../service.ts'
import { sendFresh } from './freshness.ts'

interface Bundle {
  readonly certificates: readonly Buffer[]
  /** Changes with every change of the set (SPIFFE Trust Domain and Bundle 4.1.1). */
  readonly sequence: number
  /**
   * Whether `sequence` tells since when it is as it is, so that a date says what somebody has. Not so where something may be taken out,
   * nor of an authority's certificate that was renewed: it is older than its installation.
   */
  readonly isDated: boolean
}

interface Format {
  readonly contentType: string
  render(bundle: Bundle): Buffer | Promise<Buffer>
}

const describeRoute = (summary: string) => ({ schema: { summary, tags: ['public'] } as FastifySchema })

/** How often SPIFFE consumers should look again, and for how long anyone may keep a bundle. Seconds. */
const REFRESH = 300

/** What Java's tools use where nobody says otherwise; a truststore holds no secret. */
const TRUST_STORE_PASSWORD = 'changeit'

const FORMATS: Readonly<Record<string, Format>> = {
  // No comments: trust-manager and Java refuse anything but CERTIFICATE blocks.
  pem: {
    contentType: 'application/x-pem-file',
    render: ({ certificates }) => Buffer.from(certificates.map(pem).join('')),
  },
  der: { contentType: 'application/pkix-cert', render: ({ certificates }) => onlyOne(certificates) },
  p7b: { contentType: 'application/pkcs7-mime', render: ({ certificates }) => certsOnly(certificates) },
  p12: {
    contentType: 'application/x-pkcs12',
    render: ({ certificates }) =>
      trustStore(
        certificates.map((certificate) => ({
          alias: `chancery-${fingerprint(certificate).slice(0, 8)}`,
          certificate,
        })),
        TRUST_STORE_PASSWORD,
      ),
  },
  json: {
    contentType: 'application/json',
    render: (bundle) => json({ ...spiffe(bundle), certificates: bundle.certificates.map(describe) }),
  },
  jwks: { contentType: 'application/json', render: (bundle) => json(spiffe(bundle)) },
}

/** Trust anchors and chains, for whoever must be told whom to trust. Public, over plain HTTP: check the fingerprint. */
export async function bundleRoutes(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  const { authorities, clock } = service
  const rendered = new Map<string, { for: string; body: Buffer; etag: string }>()
  /** By bundle, in whatever format. */
  const sequences = new Map<string, { for: string; sequence: number }>()

  /** Grows also where a bundle changes twice within a second, or after the clock was set back: else nobody would read it again. */
  function sequenceOf(name: string, set: string, { sequence }: Bundle): number {
    const known = sequences.get(name)
    if (known?.for === set) return known.sequence
    const next = Math.max(sequence, (known?.sequence ?? -1) + 1)
    sequences.set(name, { for: set, sequence: next })
    return next
  }

  app.get(
    '/bundles/:file',
    describeRoute('Trust anchors or a chain, as the extension says: pem, der, p7b, p12, json, jwks'),
    async (request: FastifyRequest<{ Params: { file: string } }>, reply) => {
      const { file } = request.params
      const [, name, extension] = /^([a-z0-9-]+)\.([a-z0-9]+)$/.exec(file) ?? []
      const format =
        extension !== undefined && Object.hasOwn(FORMATS, extension) ? FORMATS[extension] : undefined
      const bundle = name === undefined ? null : bundleOf(name, service)
      if (!format || !bundle) {
        throw new CaError(
          'notFound',
          `There is no bundle "${file}". Try roots, chain, cross or an authority’s id, with .${Object.keys(FORMATS).join(', .')}.`,
        )
      }
      // A PKCS #12 file is salted: made once for a set of certificates, it keeps its ETag.
      const set = bundle.certificates.map(fingerprint).join()
      let entry = rendered.get(file)
      if (entry?.for !== set) {
        const body = await format.render({ ...bundle, sequence: sequenceOf(name!, set, bundle) })
        entry = { for: set, body, etag: entityTag(body) }
        rendered.set(file, entry)
      }
      const now = epochSeconds(clock())
      // In the second of the change the one before was given out as well.
      const from = bundle.sequence + 1
      return sendFresh(request, reply, format.contentType, entry.body, {
        maxAge: REFRESH,
        etag: entry.etag,
        lastModified: Math.min(from, now),
        ...(bundle.isDated && { served: { from, now } }),
        expires: now + REFRESH,
      })
    },
  )

  app.get(
    '/roots/:fingerprint',
    describeRoute('A root by its SHA-256 fingerprint, PEM: for a first fetch that nothing else verifies'),
    async (request: FastifyRequest<{ Params: { fingerprint: string } }>, reply) => {
      const wanted = readFingerprint(request.params.fingerprint)
      const root = authorities.roots().find((der) => fingerprint(der) === wanted)
      if (!root) throw new CaError('notFound', 'No root of this CA has that SHA-256 fingerprint.')
      return reply
        .header('cache-control', `max-age=${REFRESH}, public`)
        .type('application/x-pem-file')
        .send(pem(root))
    },
  )
}

function bundleOf(name: string, { authorities }: Service): Bundle | null {
  // A renewed certificate is newer than its authority, an old root may be new here, and a retired one leaves.
  const sequence = Math.max(
    0,
    ...authorities
      .all()
      .flatMap(({ createdAt, changedAt, certificate }) => [createdAt, changedAt, certificate.notBefore]),
  )
  if (name === 'cross') {
    const cross = authorities.crossCertificates()
    const newest = Math.max(sequence, ...cross.map(({ installedAt }) => installedAt))
    return { certificates: cross.map(({ certificate }) => certificate), sequence: newest, isDated: false }
  }
  if (name === 'roots') return { certificates: authorities.roots(), sequence, isDated: true }
  if (name === 'chain') return { certificates: intermediates(authorities.all()), sequence, isDated: false }
  const one = authorities.get(name)
  return one ? { certificates: [one.certificate.der, ...one.chain], sequence, isDated: false } : null
}

/** Those of the authorities, and those between them and a root that is elsewhere, each once. */
function intermediates(all: readonly Authority[]): readonly Buffer[] {
  const paths = all
    .filter(({ role }) => role === 'issuing')
    .map(({ certificate, chain }) => [certificate.der, ...chain.slice(0, -1)])
  const own = paths.flatMap(([first]) => first ?? [])
  const above = paths.flatMap(([, ...rest]) => rest)
  return [...new Map([...own, ...above].map((der) => [fingerprint(der), der])).values()]
}

function onlyOne(certificates: readonly Buffer[]): Buffer {
  if (certificates.length !== 1)
    throw new CaError(
      'conflict',
      `DER holds one certificate; this bundle has ${certificates.length}. Take .p7b or .pem.`,
    )
  return certificates[0]!
}

function spiffe({ certificates, sequence }: Bundle): object {
  return spiffeBundle(certificates, sequence, REFRESH)
}

function describe(der: Buffer) {
  const { subject, notBefore, notAfter } = parseCertificate(der)
  return {
    sha256: fingerprint(der),
    subject: nameToText(subject),
    notBefore: new Date(notBefore * 1000).toISOString(),
    notAfter: new Date(notAfter * 1000).toISOString(),
    certificate: pem(der),
  }
}

function pem(der: Buffer): string {
  return encodePem('CERTIFICATE', der)
}

function json(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}
