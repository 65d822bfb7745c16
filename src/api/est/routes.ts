import type { FastifyInstance } from 'fastify'
import { CaError } from '../../errors.ts'
import { authenticateEnrollee, renewingHolder } from '../../est/authenticate-enrollee.ts'
import { CaCertificates } from '../../est/ca-certificates.ts'
import { csrAttributesOf } from '../../est/csr-attributes.ts'
import { enrol, reenrol } from '../../est/enrol.ts'
import { onRecord } from '../../est/on-record.ts'
import type { Service } from '../../service.ts'
import { noteCaller, originOf, refuseRepeatedHeaders } from '../caller.ts'
import { sendProperCase } from '../header-case.ts'
import { otherMethods } from '../other-methods.ts'
import { CERTS_ONLY, sendBase64, sendIssued } from './answers.ts'
import { keepFirstHandshake } from './channel-binding.ts'
import { estCredentials } from './credentials.ts'
import { METHODS, operations, readLinkedCsr, refuse } from './operation.ts'
import { sendEstProblem } from './problems.ts'
import { serverKeyRoute } from './server-key.ts'

/** A CSR of 64 KiB in base64 with line breaks. */
const MAX_BODY = 96 * 1024

/** EST (RFC 7030, RFC 8951, RFC 9908), for the TLS listener. */
export async function estRoutes(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  if (!service.config.est.enabled) return
  const { authorities, labels } = service
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/pkcs10',
    { parseAs: 'buffer', bodyLimit: MAX_BODY },
    (_request, body, done) => done(null, body),
  )
  app.setErrorHandler((error, request, reply) => sendEstProblem(error, request, reply))
  refuseRepeatedHeaders(app)
  sendProperCase(app)
  keepFirstHandshake(app)

  const allowedAt = otherMethods(app)
  const add = operations(app, labels)
  const caCertificates = new CaCertificates(authorities, service.clock)
  add('cacerts', 'GET', 'CA certificates', async (_request, reply, label) =>
    sendBase64(reply, CERTS_ONLY, caCertificates.for(label), label),
  )
  add('csrattrs', 'GET', 'What a CSR should hold', async (_request, reply, label) =>
    sendBase64(reply, 'application/csrattrs', csrAttributesOf(label), label),
  )
  add('simpleenroll', 'POST', 'Enrol', async (request, reply, label) => {
    const origin = originOf(request, 'est')
    const principal = await authenticateEnrollee(estCredentials(request), label, service)
    noteCaller(request, principal)
    const issued = await onRecord(principal, origin, service, async () =>
      enrol(readLinkedCsr(request, label), principal, label, origin, service),
    )
    return sendIssued(reply, issued, label, service.config)
  })
  add('simplereenroll', 'POST', 'Renew', async (request, reply, label) => {
    const origin = originOf(request, 'est')
    const holder = await renewingHolder(estCredentials(request), label, service)
    noteCaller(request, holder)
    const issued = await onRecord(holder, origin, service, async () =>
      reenrol(readLinkedCsr(request, label), holder, label, origin, service),
    )
    return sendIssued(reply, issued, label, service.config)
  })
  serverKeyRoute(add, service)
  // RFC 7030 4.3: a server may do without; HTTP has a status for what it has not.
  const noCmc = new CaError('notSupported', 'Full CMC is not supported: use simpleenroll.')
  const nothing = new CaError('notFound', 'There is no such operation of EST.')
  for (const path of ['/.well-known/est', '/.well-known/est/:label'])
    refuse(app, METHODS, `${path}/fullcmc`, noCmc)
  // Also what is not there is said in plain text, to clients that read nothing else.
  for (const url of ['/.well-known/est', '/.well-known/est/*']) refuse(app, METHODS, url, nothing)
  app.register(
    async (below) => {
      // What comes by TRACE, or another method that no route takes.
      below.setNotFoundHandler((request, reply) => {
        const allowed = allowedAt(request)
        if (allowed === '') throw nothing
        reply.header('allow', allowed)
        throw new CaError('methodNotAllowed', `This address takes ${allowed} alone.`)
      })
    },
    { prefix: '/.well-known/est' },
  )
}
