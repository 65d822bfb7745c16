import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AcmeError } from '../../acme/problem.ts'
import { renewalInfo } from '../../acme/renewal-info.ts'
import { revokeCertificate } from '../../acme/revocation.ts'
import { rfc3339 } from '../../clock.ts'
import { encodePem } from '../../pki/pem.ts'
import { originOf } from '../caller.ts'
import { readOctets } from './octets.ts'
import { type AcmeRouting, addLink } from './routing.ts'
import { payloadOf, requireEmpty } from './signed-request.ts'

type CertificateRequest = FastifyRequest<{ Params: { serial: string; path?: string } }>

/** Download with its alternate chains (RFC 8555 7.4.2), revocation (7.6), renewal information (RFC 9773). */
export function certificateRoutes(app: FastifyInstance, { service, acme, signed }: AcmeRouting): void {
  const { store, authorities } = service

  const download = async (request: CertificateRequest, reply: Parameters<typeof addLink>[0]) => {
    const one = await signed.byAccount(request)
    requireEmpty(one)
    const { serial, path = '0' } = request.params
    const row = await store.read.acmeCertificate(serial)
    const paths = row ? authorities.pathsFor(row) : []
    const chain = /^[0-9]{1,2}$/.test(path) ? paths[Number(path)] : undefined
    if (!row || !chain) throw new AcmeError('malformed', 'There is no such certificate.', { status: 404 })
    if (row.accountId !== one.holder.account.accountId) {
      throw new AcmeError('unauthorized', 'The certificate was ordered by another account.')
    }
    for (const [index] of paths.entries()) {
      if (index !== Number(path)) addLink(reply, one.urls.certificate(serial, index), 'alternate')
    }
    const pem = [row.der, ...chain.certificates].map((der) => encodePem('CERTIFICATE', der)).join('')
    return reply.type('application/pem-certificate-chain').serializer(String).send(pem)
  }
  app.post('/acme/certificate/:serial', download)
  app.post('/acme/certificate/:serial/:path', download)

  app.post('/acme/revoke-cert', async (request, reply) => {
    const one = await signed.byEither(request)
    const { certificate, reason } = payloadOf(one)
    const der = readOctets(certificate, 'certificate', 'malformed')
    const by = 'holder' in one ? { accountId: one.holder.account.accountId } : { key: one.key }
    await revokeCertificate({ der, reason }, by, originOf(request, 'acme'), acme.context)
    return reply.code(200).send()
  })

  app.get('/acme/renewal-info/:id', async (request: FastifyRequest<{ Params: { id: string } }>, reply) => {
    const { start, end, explanationUrl, retryAfter } = await renewalInfo(request.params.id, service)
    reply.header('retry-after', String(retryAfter))
    return {
      suggestedWindow: { start: rfc3339(start), end: rfc3339(end) },
      ...(explanationUrl === null ? {} : { explanationURL: explanationUrl }),
    }
  })
}
