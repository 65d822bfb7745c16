import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, expect, vi } from 'vitest'
import { Rest } from './rest.ts'
import { cleanEnvironment, type Outcome, run, workFolder } from './tools.ts'

/** A service is a process that makes keys, and tools are processes too: the machine may be busy. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

export const PROGRAM = new URL('../../src/cli.ts', import.meta.url).pathname

/** Every service that runs; the end of the test file, or of the worker, ends these too. */
const running = new Map<ChildProcess, Promise<unknown>>()
function killAll(): void {
  for (const child of running.keys()) child.kill('SIGKILL')
}
process.on('exit', killAll)
afterAll(async () => {
  killAll()
  await Promise.all(running.values())
})

export interface Settings {
  /** The data directory; a new empty folder if absent. */
  readonly directory?: string
  /** More variables, and options after "serve". */
  readonly environment?: Readonly<Record<string, string>>
  readonly options?: readonly string[]
  /** Its file, if not `PROGRAM`. */
  readonly program?: string
  /** A command to run it by, such as a tracer. */
  readonly before?: readonly string[]
  /** Descriptor for its standard error; else that is `log`. */
  readonly errors?: number
}

/** One running service: `node src/cli.ts serve`. */
export class ServiceProcess {
  readonly directory: string
  readonly tlsUrl: string
  readonly httpUrl: string
  /** Everything on standard output up to the ready banner. */
  readonly banner: string
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  readonly #log: () => string

  constructor(
    directory: string,
    banner: string,
    child: ChildProcess,
    exited: Promise<unknown[]>,
    log: () => string,
  ) {
    this.directory = directory
    this.banner = banner
    this.tlsUrl = urlIn(banner, 'https')
    this.httpUrl = urlIn(banner, 'http')
    this.#child = child
    this.#exited = exited
    this.#log = log
  }

  /** PEM. */
  get rootFile(): string {
    return join(this.directory, 'root.pem')
  }

  get adminKey(): string {
    return readFileSync(join(this.directory, 'admin.key'), 'utf8').trim()
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Standard error so far. */
  get log(): string {
    return this.#log()
  }

  /** A client with keep-alive connections of its own. */
  rest(tls: ConnectionOptions = {}): Rest {
    return new Rest(this.tlsUrl, readFileSync(this.rootFile, 'utf8'), this.adminKey, tls)
  }

  /** The variables with which the command line finds this service. */
  get environment(): Record<string, string> {
    return {
      CHANCERY_DIR: this.directory,
      CHANCERY_TLS_PORT: new URL(this.tlsUrl).port,
      CHANCERY_PUBLIC_URL: this.httpUrl,
    }
  }

  /** Runs one command of the command line as a process. */
  cli(...args: string[]): Promise<Outcome> {
    return cli(args, this.environment)
  }

  /** Asks the service to end; it must end well. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal)
    const ended = await this.#exited
    expect(ended, this.log).toEqual([0, null])
  }

  /** Sends the signal and returns at once. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Exit code and signal, once it has ended. */
  ended(): Promise<unknown[]> {
    return this.#exited
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}

/** Starts a service on ports that the system picks, and waits until it says that it is ready. */
export async function startService(settings: Settings = {}): Promise<ServiceProcess> {
  const directory = settings.directory ?? workFolder()
  const { child, exited } = spawnService({ ...settings, directory })
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const banner = await untilReady(child, exited, () => errors)
  return new ServiceProcess(directory, banner, child, exited, () => errors)
}

/** The bare process, for tests of what happens before it is ready. */
export function spawnService({
  directory = workFolder(),
  environment = {},
  options = [],
  program = PROGRAM,
  before = [],
  errors,
}: Settings = {}) {
  const [command, ...args] = [...before, process.execPath, program, 'serve', ...options]
  const child: ChildProcess = spawn(command!, args, {
    cwd: workFolder(),
    // Port 0: nobody can take the port between its choice and its use.
    env: {
      ...cleanEnvironment(),
      CHANCERY_DIR: directory,
      CHANCERY_TLS_PORT: '0',
      CHANCERY_HTTP_PORT: '0',
      CHANCERY_LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['ignore', 'pipe', errors ?? 'pipe'],
  })
  const exited = once(child, 'exit').finally(() => running.delete(child))
  running.set(child, exited)
  return { child, exited }
}

async function untilReady(
  child: ChildProcess,
  exited: Promise<unknown[]>,
  log: () => string,
): Promise<string> {
  let output = ''
  const ready = new Promise<string>((resolve) => {
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (/npx chancery cert request .*\n/.test(output)) resolve(output)
    })
  })
  const ended = exited.then(([code, signal]) => {
    throw new Error(`the service ended before it was ready (${code ?? signal}): ${log()}${output}`)
  })
  return Promise.race([ready, ended])
}

function urlIn(banner: string, scheme: string): string {
  const url = new RegExp(`  (${scheme}://\\S+)`).exec(banner)?.[1]
  if (!url) throw new Error(`no ${scheme} URL in the banner: ${banner}`)
  return url
}

/** Runs one command of the command line without a service, or for one that `environment` names. */
export function cli(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd = workFolder(),
): Promise<Outcome> {
  return run(process.execPath, [PROGRAM, ...args], { cwd, environment })
}
