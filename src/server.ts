import { type AddressInfo, isIP } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { buildHttpApp } from './app.ts'
import { fingerprint } from './ca/authorities.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config/config.ts'
import { dataFiles } from './config/data-directory.ts'
import { createLog } from './log.ts'
import { openService, type Service } from './service.ts'
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

/** Opens the service and both listeners. Throws `CaError` where configuration, keys or hierarchy do not let it start. */
export async function startServer(
  config: Config,
  { passphrase }: { readonly passphrase: string },
  { clock = systemClock, log = createLog(config.log.level) }: Partial<Surroundings> = {},
): Promise<RunningServer> {
  let httpUrl = ''
  const service = await openService({
    config,
    passphrase,
    clock,
    log,
    publicUrl: () => config.publicUrl ?? httpUrl,
  })
  const closers: (() => Promise<void>)[] = [() => service.close()]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    // Without an authority there is no certificate to listen with: better no start than half of one.
    const { chain } = service.authorities.issuing()
    let listening = false
    service.addCheck(() => ({
      name: 'listeners',
      ok: listening,
      reason: listening ? null : 'The TLS listener is not up yet.',
    }))
    const http = buildHttpApp(service, log)
    closers.push(() => http.close())
    await http.listen({ host: config.host, port: config.httpPort })
    httpUrl = `http://${urlHost(config)}:${portOf(http)}`
    const tls = await startTls(config, passphrase, service, log, closers)
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

function urlHost({ host }: Config): string {
  if (host === '127.0.0.1' || host === '0.0.0.0' || host === '::' || host === '::1') return 'localhost'
  return isIP(host) === 6 ? `[${host}]` : host
}

function portOf(app: FastifyInstance): number {
  return (app.server.address() as AddressInfo).port
}
