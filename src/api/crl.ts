import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { CrlPublisher } from '../crl/publisher.ts'
import { entityTag } from '../entity-tag.ts'
import { CaError } from '../errors.ts'
import { encodePem } from '../pki/pem.ts'
import { sendFreshCompressed } from './compression.ts'
import { sendFresh } from './freshness.ts'

export interface CrlRoutesOptions {
  readonly authorities: () => readonly Authority[]
  readonly publisher: Pick<CrlPublisher, 'find'>
  readonly clock: Clock
}

type OfAuthority = { Params: { authority: string } }
type OfPartition = { Params: { authority: string; partition: string } }

const describe = (summary: string) => ({ schema: { summary, tags: ['public'] } as FastifySchema })

/** Seconds. A revocation makes a new CRL at once; a cache may hide it for no longer than this. */
const CRL_MAX_AGE = 3600
const CERTIFICATE_MAX_AGE = 24 * 3600

/** CRLs and CA certificates by plain HTTP, where CDP and AIA of the certificates point (RFC 2585, RFC 5280 4.2.1.13). */
export async function crlRoutes(
  app: FastifyInstance,
  { authorities, publisher, clock }: CrlRoutesOptions,
): Promise<void> {
  function authorityOf({ params }: FastifyRequest<OfAuthority>): Authority {
    const authority = authorities().find(({ id }) => id === params.authority)
    if (!authority) throw new CaError('notFound', `There is no authority "${params.authority}".`)
    return authority
  }

  /** What is to be sent, and whether it is still that. */
  function find({ id }: Authority, partition: number | null, kind: 'full' | 'delta') {
    const current = () => publisher.find({ authority: id, partition }, kind)
    const crl = current()
    if (crl) {
      // Told by its tag: the function lasts as long as somebody reads one form of it, and must not keep all of them.
      const { etag } = crl
      return { crl, isCurrent: () => current()?.etag === etag }
    }
    if (partition === null && kind === 'full')
      throw new CaError('authorityNotReady', `Authority "${id}" has published no CRL yet.`)
    const part = partition === null ? '' : ` of partition ${partition}`
    throw new CaError('notFound', `Authority "${id}" publishes no ${kind} CRL${part}.`)
  }

  async function sendCrl(
    request: FastifyRequest<OfAuthority>,
    reply: FastifyReply,
    { crl, isCurrent }: ReturnType<typeof find>,
    form: 'der' | 'pem' = 'der',
  ) {
    const now = epochSeconds(clock())
    // Half of what is left, so that whoever gets it from a cache can go on with it as well: a delta lives for no longer than that hour.
    const half = Math.floor((crl.nextUpdate - now) / 2)
    const maxAge = Math.max(0, Math.min(CRL_MAX_AGE, half))
    const [contentType, body] =
      form === 'der' ? ['application/pkix-crl', crl.der] : ['application/x-pem-file', await crl.pemOctets]
    return sendFreshCompressed(request, reply, contentType, body, {
      maxAge,
      etag: crl.etag,
      // Not thisUpdate: until it was signed and stored, the one before was given out. Whoever got that must get this one,
      // even if it asks by If-Modified-Since alone, be it with this date or with that of its download.
      lastModified: Math.min(crl.servedFrom, now),
      served: { from: crl.servedFrom, now },
      expires: now + maxAge,
      isCurrent,
    })
  }

  function sendCertificate(
    request: FastifyRequest<OfAuthority>,
    reply: FastifyReply,
    contentType: string,
    form: (der: Buffer) => Buffer,
  ) {
    const { der, notBefore } = authorityOf(request).certificate
    const etag = entityTag(der)
    const expires = epochSeconds(clock()) + CERTIFICATE_MAX_AGE
    const freshness = { maxAge: CERTIFICATE_MAX_AGE, etag, lastModified: notBefore, expires }
    return sendFresh(request, reply, contentType, form(der), freshness)
  }

  app.get<OfAuthority>(
    '/crl/:authority.crl',
    describe('The full CRL of an authority, DER'),
    async (request, reply) => sendCrl(request, reply, find(authorityOf(request), null, 'full')),
  )
  app.get<OfAuthority>(
    '/crl/:authority.pem',
    describe('The full CRL of an authority, PEM'),
    async (request, reply) => sendCrl(request, reply, find(authorityOf(request), null, 'full'), 'pem'),
  )
  app.get<OfAuthority>(
    '/crl/:authority/delta.crl',
    describe('The delta CRL of an authority, DER: what changed since the full CRL that it names'),
    async (request, reply) => sendCrl(request, reply, find(authorityOf(request), null, 'delta')),
  )
  app.get<OfPartition>(
    '/crl/:authority/:partition(^(?:0|[1-9][0-9]{0,3})).crl',
    describe('The CRL of the certificates that name this partition of it, DER'),
    async (request, reply) =>
      sendCrl(request, reply, find(authorityOf(request), Number(request.params.partition), 'full')),
  )
  app.get<OfPartition>(
    '/crl/:authority/:partition(^(?:0|[1-9][0-9]{0,3})$)/delta.crl',
    describe('The delta CRL of a partition, DER'),
    async (request, reply) =>
      sendCrl(request, reply, find(authorityOf(request), Number(request.params.partition), 'delta')),
  )
  app.get<OfAuthority>(
    '/ca/:authority.crt',
    describe('The certificate of an authority, DER'),
    async (request, reply) => sendCertificate(request, reply, 'application/pkix-cert', (der) => der),
  )
  app.get<OfAuthority>(
    '/ca/:authority.pem',
    describe('The certificate of an authority, PEM'),
    async (request, reply) =>
      sendCertificate(request, reply, 'application/x-pem-file', (der) =>
        Buffer.from(encodePem('CERTIFICATE', der)),
      ),
  )
}
