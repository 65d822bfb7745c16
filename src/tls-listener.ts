import type { Server as TlsServer } from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { buildTlsApp } from './app.ts'
import { renewalTime } from './ca/kept-identity.ts'
import { type ServiceIdentity, serviceIdentity } from './ca/service-identity.ts'
import { serviceNames } from './ca/service-names.ts'
import { epochSeconds } from './clock.ts'
import type { Config } from './config/config.ts'
import { listen } from './listen.ts'
import { encodePem } from './pki/pem.ts'
import type { Service } from './service.ts'

/** The clock is looked at this often, so that a machine that slept renews soon after it wakes. Milliseconds. */
const LONGEST_WAIT = 3_600_000

/** Where a renewal failed, the next attempt waits at least this long. Milliseconds. */
const SHORTEST_WAIT = 30_000

/**
 * Listens with a certificate of the CA's own. Without a restart it is replaced at two thirds of its life, when it is
 * revoked, and when another authority becomes the default. What must be closed again is added to `closers`.
 */
export async function startTls(
  config: Config,
  passphrase: string,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<FastifyInstance> {
  const { authorities, clock } = service
  const identify = () =>
    serviceIdentity({
      ...service,
      directory: config.dir,
      passphrase,
      names: serviceNames(config, authorities.issuing()),
      onFault: (err) =>
        log.warn({ err }, 'The service’s own TLS certificate on disk cannot be used; making a new one'),
    })

  let identity = await identify()
  const app = buildTlsApp(service, tlsContext(identity, config, service), log)
  closers.push(() => app.close())
  await listen(app, config, config.tlsPort)

  let timer: NodeJS.Timeout | undefined
  const schedule = () => {
    const wait = (renewalTime(identity) - epochSeconds(clock())) * 1000
    clearTimeout(timer)
    timer = setTimeout(renew, Math.max(SHORTEST_WAIT, Math.min(wait, LONGEST_WAIT)))
    timer.unref()
  }
  // One after the other: two at once would each issue a certificate.
  let renewal = Promise.resolve()
  function renew(): void {
    renewal = renewal.then(async () => {
      try {
        identity = await identify()
        const server = app.server as unknown as TlsServer
        server.setSecureContext(tlsContext(identity, config, service))
      } catch (error) {
        log.error({ err: error }, 'The service’s own TLS certificate could not be renewed; trying again')
      }
      schedule()
    })
  }
  schedule()
  service.onChange((serialNumbers) => {
    if (serialNumbers.length === 0 || serialNumbers.includes(identity.serialNumber)) renew()
  })
  service.addCheck(() => {
    const until = identity.notAfter
    const ok = until > epochSeconds(clock())
    return { name: 'tls', ok, reason: ok ? null : 'The service’s own TLS certificate has expired.', until }
  })
  closers.push(async () => {
    await renewal
    clearTimeout(timer)
  })
  return app
}

function tlsContext(identity: ServiceIdentity, config: Config, { authorities, labels }: Service) {
  const own = authorities.all().map(({ certificate }) => certificate.der)
  const known = new Set([...own, ...labels.anchors].map((der) => encodePem('CERTIFICATE', der)))
  return {
    key: identity.key,
    cert: identity.certificate,
    // Not to verify with: the names of these go into the handshake, so that clients know which certificate to send.
    ca: [...known],
    minVersion: config.tls.minVersion,
  }
}
