import { hostname } from 'node:os'
import { isIP } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { buildHttpApp, buildTlsApp } from './app.ts'
import { fingerprint } from './ca/authorities.ts'
import { renewalTime, type ServiceIdentity, serviceIdentity } from './ca/service-identity.ts'
import { type Clock, epochSeconds, systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { dataFiles } from './config/data-directory.ts'
import { CaError } from './errors.ts'
import { createLog } from './log.ts'
import { normaliseName } from './pki/names/normalise.ts'
import type { SubjectName } from './pki/names/san.ts'
import { encodePem } from './pki/pem.ts'
import { openService, type Service } from './service.ts'

export interface RunningServer {
  readonly tlsUrl: string
  readonly httpUrl: string
  /** SHA-256 of the root above the default authority, lower-case hexadecimal. */
  readonly rootFingerprint: string
  /** Where `init` put the first admin key. */
  readonly adminKeyFile: string
  readonly service: Service
  /** Stops listening, finishes what is in flight, drains the writer, checkpoints. */
  close(): Promise<void>
}

interface Surroundings {
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

/** The clock is looked at this often, so that a machine that slept renews soon after it wakes. Milliseconds. */
const LONGEST_WAIT = 3_600_000

/** Opens the service and both listeners. Throws `CaError` where configuration, keys or hierarchy do not let it start. */
export async function startServer(
  config: Config,
  { passphrase }: { readonly passphrase: string },
  { clock = systemClock, log = createLog(config.log.level) }: Partial<Surroundings> = {},
): Promise<RunningServer> {
  let httpUrl = ''
  const service = await openService({ config, passphrase, clock, log, publicUrl: () => config.publicUrl ?? httpUrl })
  const closers: (() => Promise<void>)[] = [() => service.close()]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    // Without an authority there is no certificate to listen with: better no start than half of one.
    const { chain } = service.authorities.issuing()
    const http = buildHttpApp(service, log)
    closers.push(() => http.close())
    await http.listen({ host: config.host, port: config.httpPort })
    httpUrl = `http://${urlHost(config)}:${portOf(http)}`
    const tls = await startTls(config, passphrase, service, log, closers)
    return {
      httpUrl,
      tlsUrl: `https://${urlHost(config)}:${portOf(tls)}`,
      rootFingerprint: fingerprint(chain.at(-1)!),
      adminKeyFile: dataFiles(config.dir).adminKey,
      service,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function startTls(
  config: Config,
  passphrase: string,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<FastifyInstance> {
  const { clock } = service
  const names = serviceNames(config)
  const identify = () => serviceIdentity({ ...service, directory: config.dir, passphrase, names })
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
    timer = setTimeout(renew, Math.max(1000, Math.min(wait, LONGEST_WAIT)))
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

/** Every name under which this listener is likely to be reached. */
export function serviceNames(config: Pick<Config, 'host' | 'publicUrl' | 'tls'>): SubjectName[] {
  const texts = ['localhost', hostname(), '127.0.0.1', '::1', config.host, ...config.tls.names]
  if (config.publicUrl) texts.push(new URL(config.publicUrl).hostname.replace(/^\[|\]$/g, ''))
  const names = new Map<string, SubjectName>()
  for (const text of texts) {
    if (text === '0.0.0.0' || text === '::') continue
    try {
      const name = normaliseName(isIP(text) ? 'ip' : 'dns', text)
      names.set(`${name.type}:${name.value}`, name)
    } catch (error) {
      // A host name such as "my_laptop" cannot stand in a certificate; the configured names were checked before.
      if (!(error instanceof CaError)) throw error
    }
  }
  return [...names.values()]
}

function urlHost({ host }: Config): string {
  if (host === '127.0.0.1' || host === '0.0.0.0' || host === '::' || host === '::1') return 'localhost'
  return isIP(host) === 6 ? `[${host}]` : host
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}
