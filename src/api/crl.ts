import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { PublishedCrl } from '../crl/published-crl.ts'
import type { CrlPublisher } from '../crl/publisher.ts'
import { entityTag } from '../entity-tag.ts'
import { CaError } from '../errors.ts'
import { encodePem } from '../pki/pem.ts'
import { sendFresh } from './freshness.ts'

export interface CrlRoutesOptions {
  readonly authorities: () => readonly Authority[]
  readonly publisher: Pick<CrlPublisher, 'current'>
  readonly clock: Clock
}

type OfAuthority = { Params: { authority: string } }

const describe = (summary: string) => ({ schema: { summary, tags: ['public'] } as FastifySchema })

/** Seconds. A revocation makes a new CRL at once; a cache may hide it for no longer than this. */
const CRL_MAX_AGE = 3600
/** Until then, another CRL with the same thisUpdate may follow. */
const SETTLED_AFTER = 60
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

  function sendCrl(
    request: FastifyRequest<OfAuthority>,
    reply: FastifyReply,
    contentType: string,
    form: (crl: PublishedCrl) => Buffer,
  ) {
    const { id } = authorityOf(request)
    const crl = publisher.current(id)
    if (!crl) throw new CaError('authorityNotReady', `Authority "${id}" has published no CRL yet.`)
    const now = epochSeconds(clock())
    const maxAge = Math.max(0, Math.min(CRL_MAX_AGE, crl.nextUpdate - now))
    return sendFresh(request, reply, contentType, form(crl), {
      maxAge,
      etag: crl.etag,
      // Several CRLs may be made within one second. Whoever got one of them just now must get the last one later,
      // even if it asks by If-Modified-Since alone.
      lastModified: Math.min(crl.thisUpdate, now - SETTLED_AFTER),
      expires: now + maxAge,
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
    describe('The CRL of an authority, DER'),
    async (request, reply) => sendCrl(request, reply, 'application/pkix-crl', (crl) => crl.der),
  )
  app.get<OfAuthority>(
    '/crl/:authority.pem',
    describe('The CRL of an authority, PEM'),
    async (request, reply) =>
      sendCrl(request, reply, 'application/x-pem-file', (crl) => Buffer.from(crl.pem)),
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
