import type { Server as TlsServer } from 'node:tls'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { isDue, type KeptIdentity, mayIssue } from './ca/kept-identity.ts'
import { hasItsChain, type ServiceIdentity, serviceIdentity } from './ca/service-identity.ts'
import { serviceNames } from './ca/service-names.ts'
import { epochSeconds } from './clock.ts'
import type { Config } from './config/config.ts'
import { CaError } from './errors.ts'
import { listen } from './listen.ts'
import { encodePem } from './pki/pem.ts'
import { RegularLooks } from './regular-looks.ts'
import type { Service } from './service.ts'

/** Milliseconds. */
const LOOK = 1000

/** Where a renewal failed, so many looks pass before the next attempt. */
const REST = 30

/**
 * Has `app`, of `buildTlsApp`, listen with a certificate of the CA's own. Without a restart it is replaced at two thirds of its life, when it is
 * revoked, and when another authority becomes the default. What must be closed again is added to `closers`. `first`: of
 * `keptServiceIdentity`.
 */
export async function startTls(
  app: FastifyInstance,
  config: Config,
  passphrase: string,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
  first: Promise<KeptIdentity | null>,
): Promise<void> {
  const { authorities, clock } = service
  const identify = (kept?: Promise<KeptIdentity | null>) =>
    serviceIdentity({
      ...service,
      kept,
      directory: config.dir,
      passphrase,
      names: serviceNames(config, authorities.issuing()),
      onFault: (err) => log.warn({ err }, 'The file of the service’s own TLS certificate could not be used'),
    })

  let identity = await identify(first)
  const server = app.server as unknown as TlsServer
  const showIdentity = () => server.setSecureContext(tlsContext(identity, config, service))
  showIdentity()
  await listen(app, config, config.tlsPort)

  const looks = new RegularLooks({
    ...{ every: LOOK, rest: REST },
    onError: (err) =>
      log.error({ err }, 'The service’s own TLS certificate could not be renewed; trying again'),
  })
  /** Revoked perhaps, or of an authority that is the default no more, and the store could not take another. */
  let inQuestion = false
  // Through the looks, one after the other: two at once would each issue a certificate.
  const renew = async () => {
    inQuestion = false
    try {
      identity = await identify()
    } catch (error) {
      // What policy refuses it would refuse each time, with a row in the audit log.
      inQuestion = error instanceof CaError && ['overloaded', 'storeFailed'].includes(error.code)
      throw error
    }
    showIdentity()
  }
  looks.start(async () => {
    const now = epochSeconds(clock())
    const issuing = authorities.issuing()
    const isStale =
      isDue(identity, now, issuing) || (mayIssue(issuing, now) && !hasItsChain(identity, authorities))
    if (inQuestion || isStale) await renew()
  })
  service.onChange((serialNumbers) => {
    if (serialNumbers.length === 0 || serialNumbers.includes(identity.serialNumber)) looks.run(renew)
  })
  service.addCheck(() => {
    const now = epochSeconds(clock())
    const { notBefore, notAfter: until } = identity
    const ok = notBefore <= now && now < until
    return {
      name: 'tls',
      ok,
      reason: ok ? null : 'The service’s own TLS certificate is not valid at this time.',
      until,
    }
  })
  closers.push(() => looks.stop())
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
