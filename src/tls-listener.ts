import type { Server as TlsServer } from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { buildTlsApp } from './app.ts'
import { renewalTime, type ServiceIdentity, serviceIdentity } from './ca/service-identity.ts'
import { serviceNames } from './ca/service-names.ts'
import { epochSeconds } from './clock.ts'
import type { Config } from './config/config.ts'
import { encodePem } from './pki/pem.ts'
import type { Service } from './service.ts'

/** The clock is looked at this often, so that a machine that slept renews soon after it wakes. Milliseconds. */
const LONGEST_WAIT = 3_600_000

/** Where a renewal failed, the next attempt waits at least this long. Milliseconds. */
const SHORTEST_WAIT = 30_000

/**
 * Listens with a certificate of the CA's own, and renews it at two thirds of its life without a restart. What must be
 * closed again is added to `closers`, in the order of opening.
 */
export async function startTls(
  config: Config,
  passphrase: string,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<FastifyInstance> {
  const { clock } = service
  const names = serviceNames(config, service.authorities.issuing())
  const onFault = (error: unknown) =>
    log.warn({ err: error }, 'The service’s own TLS certificate on disk cannot be used; making a new one')
  const identify = () => serviceIdentity({ ...service, directory: config.dir, passphrase, names, onFault })
  const context = (identity: ServiceIdentity) => ({
    key: identity.key,
    cert: identity.certificate,
    // Not to verify with: the names of these go into the handshake, so that clients know which certificate to send.
    ca: service.authorities.all().map(({ certificate }) => encodePem('CERTIFICATE', certificate.der)),
    minVersion: config.tls.minVersion,
  })

  let identity = await identify()
  const app = buildTlsApp(service, context(identity), log)
  closers.push(() => app.close())
  await app.listen({ host: config.host, port: config.tlsPort })

  let timer: NodeJS.Timeout
  const schedule = () => {
    const wait = (renewalTime(identity) - epochSeconds(clock())) * 1000
    timer = setTimeout(renew, Math.max(SHORTEST_WAIT, Math.min(wait, LONGEST_WAIT)))
    timer.unref()
  }
  const renew = async () => {
    try {
      identity = await identify()
      ;(app.server as unknown as TlsServer).setSecureContext(context(identity))
    } catch (error) {
      log.error({ err: error }, 'The service’s own TLS certificate could not be renewed; trying again')
    }
    schedule()
  }
  schedule()
  closers.push(async () => clearTimeout(timer))
  return app
}
