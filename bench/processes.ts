import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/free-port.ts'
import { npmStart } from './npm-start.ts'

export interface Running {
  readonly process: ChildProcess
  readonly port: number
  stop(): Promise<void>
}

export interface RunningService extends Running {
  /** Of the plain listener; `port` is that of TLS. */
  readonly httpPort: number
  readonly root: string
  readonly adminKey: string
  readonly directory: string
}

/**
 * A fresh CA in a temporary directory, as a process of its own, just as `npm start` runs it. `options` as in chancery.yaml;
 * `checkout`: the folder of another state of this program; `kept`: a directory that is taken as it is and left there.
 */
export async function startService(
  extraNodeFlags: readonly string[] = [],
  options: object = {},
  checkout = fileURLToPath(new URL('..', import.meta.url)),
  kept?: string,
): Promise<RunningService> {
  const directory = kept ?? (await mkdtemp(join(tmpdir(), 'chancery-bench-')))
  // A file with nothing in it would still have YAML loaded.
  if (Object.keys(options).length > 0)
    await writeFile(join(directory, 'chancery.yaml'), JSON.stringify(options))
  const [tlsPort, httpPort] = [await freePort(), await freePort()]
  const { environment: bounds, flags } = npmStart(checkout)
  const environment = {
    ...process.env,
    ...bounds,
    CHANCERY_DIR: directory,
    CHANCERY_TLS_PORT: String(tlsPort),
    CHANCERY_HTTP_PORT: String(httpPort),
    CHANCERY_LOG_LEVEL: 'warn',
  }
  const child = startChild(
    process.execPath,
    [...flags, ...extraNodeFlags, join(checkout, 'bin/chancery.js'), 'serve'],
    {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
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
      if (kept === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A server of others, once it takes connections. What it writes goes nowhere: nobody's time should go into reading it. */
export async function startPeer(
  command: string,
  args: readonly string[],
  port: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const child = startChild(command, args, { env: { ...process.env, ...environment }, stdio: 'ignore' })
  await once(child, 'spawn')
  await untilOpen(child, port)
  return { process: child, port, stop: () => stop(child) }
}

async function untilOpen(child: ChildProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 4000; tries++) {
    if (child.exitCode !== null) break
    const socket = connect({ port, host: '127.0.0.1' })
    try {
      await once(socket, 'connect')
      return
    } catch {
      await pause(5)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`${child.spawnargs.join(' ')}: nobody listens on port ${port}`)
}

/** Seconds of processor time so far, and the most memory held at once and that held now, in MB; with all its children. */
export function usage({ process: { pid } }: Pick<Running, 'process'>): {
  cpu: number
  peakMemory: number
  memory: number
} {
  const total = { cpu: 0, peakMemory: 0, memory: 0 }
  for (const one of family(pid!)) {
    const status = readFileSync(`/proc/${one}/status`, 'utf8')
    total.cpu += processorSeconds(one)
    total.peakMemory += Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024
    total.memory += Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
  }
  return total
}

/** Of one process, all threads; also of one that has ended and was not waited for yet. */
export function processorSeconds(pid: number | string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function family(pid: number | string): (number | string)[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  return [pid, ...children.flatMap(family)]
}

const started = new Set<ChildProcess>()
// Nothing may go on once the harness has failed.
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

/** A child that ends with this process at the latest. */
export function startChild(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, options)
  started.add(child)
  child.once('exit', () => started.delete(child))
  return child
}

/** Resolves with what of the child's output matches. */
export function firstLine(child: ChildProcess, wanted: RegExp): Promise<string> {
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

/** Asks it to end, and waits until it has. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
