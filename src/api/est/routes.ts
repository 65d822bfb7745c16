import type { FastifyInstance } from 'fastify'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { authenticateEnrollee, renewingHolder } from '../../est/authenticate-enrollee.ts'
import { csrAttributesOf } from '../../est/csr-attributes.ts'
import { enrol, reenrol } from '../../est/enrol.ts'
import { onRecord } from '../../est/on-record.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import type { Service } from '../../service.ts'
import { originOf, refuseRepeatedHeaders } from '../caller.ts'
import { sendProperCase } from '../header-case.ts'
import { sendBase64, sendCertificates, sendIssued } from './answers.ts'
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

  const add = operations(app, labels)
  add('cacerts', 'GET', 'CA certificates', async (_request, reply, label) => {
    // RFC 7030 4.1.3: what is needed for a certificate that was issued here, also by the one before; the enrolment brings no chain.
    const paths = authorities
      .publishedFor(label.authority)
      .flatMap(({ id: authority }) => authorities.pathsFor({ authority, profile: label.profile.name }))
    const chains = paths.flatMap(({ certificates }) => certificates)
    // RFC 7030 4.1.3: OldWithNew and NewWithOld (RFC 4210 4.4) go along, so that whoever trusts either root comes to trust the other.
    const cross = authorities.crossCertificates().map(({ certificate }) => certificate)
    const all = new Map(
      [...chains, ...authorities.roots(), ...cross].map((der) => [der.toString('base64'), der]),
    )
    // libest proves each of them, and takes none where one has expired; nobody needs that.
    const now = epochSeconds(service.clock())
    const current = [...all.values()].filter((der) => parseCertificate(der).notAfter > now)
    return sendCertificates(reply, current, label)
  })
  add('csrattrs', 'GET', 'What a CSR should hold', async (_request, reply, label) =>
    sendBase64(reply, 'application/csrattrs', csrAttributesOf(label), label),
  )
  add('simpleenroll', 'POST', 'Enrol', async (request, reply, label) => {
    const origin = originOf(request, 'est')
    const principal = await authenticateEnrollee(estCredentials(request), label, service)
    const issued = await onRecord(principal, origin, service, async () =>
      enrol(readLinkedCsr(request, label), principal, label, origin, service),
    )
    return sendIssued(reply, issued, label, service.config)
  })
  add('simplereenroll', 'POST', 'Renew', async (request, reply, label) => {
    const origin = originOf(request, 'est')
    const holder = await renewingHolder(estCredentials(request), label, service)
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
  refuse(app, METHODS, '/.well-known/est/*', nothing)
}
