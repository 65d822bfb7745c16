import { existsSync } from 'node:fs'
import { type AddressInfo, isIP } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { descriptorLimit, fitConnections, watchDescriptors } from './api/overload/descriptors.ts'
import { buildTlsApp } from './app.ts'
import { checkKeyFileMode } from './ca/key-file.ts'
import { keptServiceIdentity } from './ca/service-identity.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { dataFiles } from './config/data-directory.ts'
import { createLog } from './log.ts'
import { startMetrics } from './metrics-listener.ts'
import { fingerprint } from './pki/certificate/fingerprint.ts'
import { startPlain } from './plain-listener.ts'
import { prepareService, type Service } from './service.ts'
import { startTls } from './tls-listener.ts'

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

/** Everything of a server that can be made before its database and keys are there, which takes a while. */
export interface PreparedServer {
  /** Opens the service and both listeners. Throws `CaError` where keys or hierarchy do not let it start. Once. */
  start(): Promise<RunningServer>
}

/** Throws `CaError` where the configuration does not let it start. */
export async function prepareServer(
  given: Config,
  { passphrase }: { readonly passphrase: string },
  {
    clock = systemClock,
    log = createLog(given.log.level, { isShared: given.workers > 0 }),
  }: Partial<Surroundings> = {},
): Promise<PreparedServer> {
  const kept = keptServiceIdentity(given.dir, passphrase)
  // Whoever waits for it hears of a failure, and nobody does where the service does not get so far.
  kept.catch(() => {})
  const limits = { ...given.limits, ...fitConnections(given.limits, descriptorLimit(), given, log) }
  const config: Config = { ...given, limits }
  let httpUrl = ''
  const { service, open } = await prepareService({
    config,
    passphrase,
    clock,
    log,
    publicUrl: () => config.publicUrl ?? httpUrl,
  })
  const tls = buildTlsApp(service, log)
  // Its routes are registered while another thread opens the database.
  const ready = Promise.resolve(tls.ready())
  ready.catch(() => {})
  const closers: (() => Promise<void>)[] = [() => tls.close()]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) {
      // Whatever it is, the database is still to be closed.
      await closer().catch((err: unknown) => log.error({ err }, 'A part of the service could not be closed'))
    }
  }
  async function start(): Promise<RunningServer> {
    try {
      await open()
      closers.unshift(() => service.close())
      await ready
      await checkAdminKey(dataFiles(config.dir).adminKey)
      // Without an authority there is no certificate to listen with: better no start than half of one.
      const { chain } = service.authorities.issuing()
      let listening = false
      service.addCheck(() => ({
        name: 'listeners',
        ok: listening,
        reason: listening ? null : 'Not every listener is up yet.',
      }))
      const listenPlain = async () => {
        httpUrl = `http://${urlHost(config)}:${await startPlain(config, service, log, closers)}`
      }
      // Whoever finds the plain listener up may enrol at once. Only where certificates need its port does it go first.
      if (config.publicUrl === null) await listenPlain()
      await startTls(tls, config, passphrase, service, log, closers, kept)
      if (config.publicUrl !== null) await listenPlain()
      await startMetrics(config, service, log, closers)
      const unwatch = watchDescriptors(log)
      closers.push(async () => unwatch())
      listening = true
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
  return { start }
}

/** Whoever could read it may have used it. Where it was moved away, there is nothing to check. */
async function checkAdminKey(file: string): Promise<void> {
  if (existsSync(file)) await checkKeyFileMode(file)
}

/** The zone of a link-local address, which has a meaning on this machine alone, cannot stand in a URL as Node and browsers read it. */
export function urlHost({ host }: Pick<Config, 'host'>): string {
  if (host === '127.0.0.1' || host === '0.0.0.0' || host === '::' || host === '::1') return 'localhost'
  return isIP(host) === 6 ? `[${host.replace(/%.*$/, '')}]` : host
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}
