import type { FastifyInstance } from 'fastify'
import { acmeRoutes } from './api/acme/routes.ts'
import { consoleRoutes } from './api/console/routes.ts'
import { estRoutes } from './api/est/routes.ts'
import { countRequests } from './api/metrics/http-figures.ts'
import { metricsRoute } from './api/metrics/routes.ts'
import { refuseUnopened } from './api/opened-service.ts'
import { useOwnAnswers } from './api/problems.ts'
import { publicRoutes } from './api/public-routes.ts'
import { restRoutes } from './api/rest/routes.ts'
import { sdsRoutes } from './api/sds/rest.ts'
import { traceRequests } from './api/trace-requests.ts'
import { refuseReadBodies } from './api/unread-bodies.ts'
import { publicUrls } from './ca/certificate-template.ts'
import { defaultHierarchy } from './ca/hierarchy/defaults.ts'
import { initialise } from './ca/hierarchy/initialise.ts'
import { refuseTakenDirectory, settleDataDirectory } from './ca/hierarchy/staging.ts'
import { type Clock, systemClock } from './clock.ts'
import type { RawOptions } from './config/config.ts'
import { dataDirectory, loadConfig } from './config/load.ts'
import { editDistance } from './config/nearest.ts'
import { FileOptions } from './config/schema.ts'
import { ensurePassphrase, ensureRootPassphrase } from './config/secrets.ts'
import { CaError } from './errors.ts'
import type { FaultLog } from './health.ts'
import { refuseBundled } from './package-files.ts'
import { refuseOtherRuntimes } from './runtime.ts'
import { openService, type Service } from './service.ts'
import { refuseMissingDriver } from './store/driver.ts'

/** OCSP, CRLs, bundles and health alone: for the plain-HTTP side of an application, with the `service` of `openChancery`. */
export { publicRoutes } from './api/public-routes.ts'
/** For `issuer` of the service, which takes a CSR that was read. */
export { readCsr } from './api/rest/csr-body.ts'
export type { Clock } from './clock.ts'
export { CaError, type ErrorCode } from './errors.ts'
export type { Service } from './service.ts'

export interface ChanceryOptions {
  /** The data directory; made, with a hierarchy in it, if it holds no CA yet. */
  readonly directory: string
  /** Where relying parties reach the mounted routes over plain HTTP: "http://ca.example.test/pki". Goes into certificates. */
  readonly publicUrl: string
  /** Of the authorities' keys; else the file "passphrase" in the directory, which is made at the first start. */
  readonly passphrase?: string
  /** Options as `chancery.yaml` has them: profiles and the like. They go before the file. */
  readonly options?: RawOptions
  readonly clock?: Clock
  readonly log?: FaultLog
}

/** Opens the CA for use in this process: to mount its routes, or to call `issuer` and `revoker` directly. Close it at the end. */
export async function openChancery(options: ChanceryOptions): Promise<Service> {
  refuseOtherRuntimes(process.versions)
  refuseBundled()
  refuseMissingDriver()
  refuseMistaken(options)
  const { publicUrl, clock = systemClock, log = console } = options
  // Once: it may be relative, and the process may go elsewhere meanwhile.
  const dir = dataDirectory({}, options.directory)
  const { initialised } = await settleDataDirectory(dir)
  // Not before: what was interrupted may have had yet to move chancery.yaml and the passphrase into place.
  const load = () => loadConfig({}, { ...options.options, publicUrl, dir })
  const { config } = load()
  const secrets = () =>
    options.passphrase === undefined ? load().secrets : { passphrase: options.passphrase }
  if (!initialised) {
    await refuseTakenDirectory(config.dir)
    const { intermediate, root } = defaultHierarchy()
    await initialise({
      directory: config.dir,
      clock,
      ...ensurePassphrase(secrets(), config.dir),
      intermediate,
      root: { ...root, passphrase: ensureRootPassphrase(config.dir) },
      urls: publicUrls(config.publicUrl!),
    })
  }
  // One that was made now could open none of the keys that are there.
  const { passphrase } = secrets()
  if (passphrase === null) throw new CaError('badConfiguration', PASSPHRASE_MISSING)
  return openService({ config, passphrase, clock, log, publicUrl: () => config.publicUrl! })
}

/**
 * In JavaScript nobody hears of a key that is not read: without "directory" another CA would be made in ./data, by another name for
 * "passphrase" its keys would lie beside theirs, and whoever bounds a profile beside "options" would think that the bounds hold.
 */
function refuseMistaken(options: ChanceryOptions): void {
  const refuse = (detail: string) => new CaError('badConfiguration', detail)
  if (typeof options?.directory !== 'string' || options.directory === '')
    throw refuse('Name the data directory, as text, in "directory"; it is made if it is not there.')
  const { log: _log, publicUrl: _publicUrl, ...given } = options
  const misplaced = Object.keys(given).filter((key) => Object.hasOwn(FileOptions.properties, key))
  if (misplaced.length > 0) {
    const example = `options: { ${misplaced.join(', ')} }`
    throw refuse(`Options of chancery.yaml stand in "options": write ${example}.`)
  }
  for (const key of Object.keys(given)) {
    // The plugin's may have Fastify's among them, and the application's own.
    const meant = ['passphrase', 'options'].find((name) => editDistance(key.toLowerCase(), name) <= 2)
    if (meant !== undefined && meant !== key) throw refuse(`"${key}" is not known; did you mean "${meant}"?`)
  }
}

const PASSPHRASE_MISSING =
  'The passphrase of the keys is missing: give it as "passphrase", or put the file "passphrase" back into the data directory.'

/**
 * Mounts the CA in a Fastify application, under the prefix that `register` is given:
 * `app.register(chancery, { prefix: '/pki', directory: './data', publicUrl: 'http://ca.example.test/pki' })`.
 * Everything under /v1 takes secrets: the application must serve it over TLS, and ask for client certificates
 * (`requestCert: true, rejectUnauthorized: false`) if they are to renew themselves. Closing the application closes the CA,
 * unless an opened `service` was given.
 */
export async function chancery(
  app: FastifyInstance,
  options: ChanceryOptions | { service: Service },
): Promise<void> {
  const service = 'service' in options ? options.service : await openWith(app, options)
  refuseUnopened(service)
  useOwnAnswers(app)
  refuseReadBodies(app)
  traceRequests(app, service)
  countRequests(app, service)
  app.register(restRoutes, { service })
  app.register(acmeRoutes, { service })
  app.register(estRoutes, { service })
  app.register(sdsRoutes, { service })
  app.register(publicRoutes, { service })
  app.register(metricsRoute, { service, to: 'admins' })
  app.register(consoleRoutes)
}

/** Closed with the application, also where that no longer waits for the opening, which may outlast its `pluginTimeout`. */
function openWith(app: FastifyInstance, options: ChanceryOptions): Promise<Service> {
  const opening = openChancery({ log: app.log, ...options })
  app.addHook('onClose', async () => {
    // A failure is told to whoever waits for the opening, and leaves nothing open.
    const service = await opening.catch(() => null)
    await service?.close()
  })
  return opening
}

export default chancery
