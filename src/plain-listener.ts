import { once } from 'node:events'
import { mkdtemp, rm, utimes } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { buildHttpApp } from './app.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config/config.ts'
import { CaError } from './errors.ts'
import type { FaultLog } from './health.ts'
import { BACKLOG, bindAddress, listen, listenFailure } from './listen.ts'
import type { Service } from './service.ts'
import { PlainWorkers } from './workers/pool.ts'

/** Milliseconds. */
const TOUCH = 60_000

/** Listens by plain HTTP, in this thread or in workers. Returns the port; what must be closed again is added to `closers`. */
export async function startPlain(
  config: Config,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<number> {
  if (config.workers > 0) return startWorkers(config, service, log, closers)
  const app = buildHttpApp(service, log)
  closers.push(() => app.close())
  await listen(app, config, config.httpPort)
  return (app.server.address() as AddressInfo).port
}

async function startWorkers(
  config: Config,
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<number> {
  const { httpPort, workers: count } = config
  const host = bindAddress(config.host)
  await checkFree(host, httpPort)
  const mainSocket = await listenForWorkers(service, log, closers)
  const { ocsp } = service
  const pool = new PlainWorkers({
    count,
    host,
    port: httpPort,
    backlog: BACKLOG,
    logLevel: config.log.level,
    connections: Math.ceil(config.limits.httpConnections / count),
    mainSocket,
    ocsp,
    log,
  })
  closers.push(() => pool.close())
  try {
    await pool.start()
  } catch (cause) {
    throw listenFailure(cause as NodeJS.ErrnoException, host, httpPort)
  }
  service.addCheck(() => pool.health())
  return pool.port
}

/** Resolves to the Unix socket at which the main thread answers what workers do not. */
async function listenForWorkers(
  service: Service,
  log: FastifyBaseLogger,
  closers: (() => Promise<void>)[],
): Promise<string> {
  const app = buildHttpApp(service, log, { trustProxy: true })
  try {
    // Nobody else may come in here: what the workers say of their clients is believed.
    const folder = await mkdtemp(join(tmpdir(), 'chancery-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    closers.push(() => app.close())
    const path = join(folder, 'main.sock')
    // A Unix socket refuses at once what its queue does not take, while the main thread does something else for a moment.
    await app.listen({ path, backlog: BACKLOG })
    const stop = keepYoung(path, service.clock, log)
    closers.push(async () => stop())
    return path
  } catch (cause) {
    throw new CaError(
      'badConfiguration',
      `Workers reach the main thread by a Unix socket, which cannot be made below ${tmpdir()}: ${(cause as Error).message}. Set TMPDIR to a directory with a short name that can be written, or the option "workers" to 0.`,
      { cause },
    )
  }
}

/**
 * What has been left alone for ten days is removed from /tmp by systemd-tmpfiles. It knows sockets in use by their names, and to it one of a unit with
 * PrivateTmp= has another name.
 */
export function keepYoung(path: string, clock: Clock, log: FaultLog): () => void {
  const timer = setInterval(async () => {
    const now = clock()
    try {
      await utimes(path, now, now)
    } catch (err) {
      log.error(
        { err },
        'The socket by which workers reach the main thread is gone: until the service is started again they answer nothing but OCSP that they hold',
      )
    }
  }, TOUCH).unref()
  return () => clearInterval(timer)
}

/** A port that is shared would be shared with another service, too, which nobody would notice. */
async function checkFree(host: string, port: number): Promise<void> {
  const server = createServer().listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw listenFailure(cause as NodeJS.ErrnoException, host, port)
  }
  server.close()
  await once(server, 'close')
}
