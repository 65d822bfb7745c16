import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface Running {
  readonly process: ChildProcess
  readonly port: number
  stop(): Promise<void>
}

export interface RunningService extends Running {
  /** Of the plain listener. */
  readonly httpPort: number
  readonly root: string
  readonly adminKey: string
  readonly directory: string
}

/**
 * A fresh CA in a temporary directory, as a process of its own, just as `npm start` runs it. `options` as in chancery.yaml;
 * `checkout`: the folder of another state of this program.
 */
export async function startService(
  extraNodeFlags: readonly string[] = [],
  options: object = {},
  checkout = path('..'),
): Promise<RunningService> {
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-'))
  await writeFile(join(directory, 'chancery.yaml'), JSON.stringify(options))
  return serveDirectory(directory, extraNodeFlags, checkout)
}

/** Likewise over a data directory, which is removed when the service is stopped. */
export async function serveDirectory(
  directory: string,
  extraNodeFlags: readonly string[] = [],
  checkout = path('..'),
): Promise<RunningService> {
  const [tlsPort, httpPort] = [await freePort(), await freePort()]
  const environment = {
    ...process.env,
    CHANCERY_DIR: directory,
    CHANCERY_TLS_PORT: String(tlsPort),
    CHANCERY_HTTP_PORT: String(httpPort),
    CHANCERY_LOG_LEVEL: 'warn',
  }
  const child = spawn(process.execPath, [...extraNodeFlags, join(checkout, 'src/cli.ts'), 'serve'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await firstLine(child, /Chancery is ready/)
  return {
    process: child,
    port: tlsPort,
    httpPort,
    directory,
    root: await readFile(join(directory, 'root.pem'), 'utf8'),
    adminKey: (await readFile(join(directory, 'admin.key'), 'utf8')).trim(),
    async stop() {
      await stop(child)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The bare echo server; over TLS if it is given a PEM file. */
export async function startEcho(pemFile?: string): Promise<Running> {
  const child = spawn(process.execPath, [path('./echo.ts'), ...(pemFile ? [pemFile] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = Number(await firstLine(child, /^\d+/))
  return { process: child, port, stop: () => stop(child) }
}

/** Debian's pebble, which keeps everything in memory; it proves no name, refuses no nonce at random, and always reuses. */
export async function startPebble(pemFile: string): Promise<Running> {
  const [port, managementPort] = [await freePort(), await freePort()]
  const config = `${pemFile}.pebble.json`
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    ...{ certificate: pemFile, privateKey: pemFile, httpPort: 80, tlsPort: 443 },
  }
  await writeFile(config, JSON.stringify({ pebble }))
  const child = spawn('pebble', ['-config', config], {
    env: {
      ...process.env,
      ...{ PEBBLE_VA_ALWAYS_VALID: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '100' },
    },
    // It writes several lines for each request: nobody's time should go into reading them.
    stdio: 'ignore',
  })
  await once(child, 'spawn')
  await untilOpen(port)
  return { process: child, port, stop: () => stop(child) }
}

async function untilOpen(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect({ port, host: '127.0.0.1' })
    try {
      await once(socket, 'connect')
      return
    } catch {
      await pause(50)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`nobody listens on port ${port}`)
}

/** Seconds of processor time so far, and the most memory held at once, in MB. */
export function usage({ process: { pid } }: Running): { cpu: number; peakMemory: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / 100,
    peakMemory: Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024,
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

function firstLine(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk
      const found = wanted.exec(text)
      if (found) resolve(found[0])
    })
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url))
}
