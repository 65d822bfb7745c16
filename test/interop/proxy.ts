import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, vi } from 'vitest'
import { cleanEnvironment } from '../scenario/tools.ts'

/** Real servers start, reload and ask the CA; the machine may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const running = new Map<ChildProcess, Promise<unknown>>()
/** SIGTERM: after SIGKILL the workers of Apache and nginx would live on. */
function endAll(): void {
  for (const child of running.keys()) child.kill('SIGTERM')
}
process.on('exit', endAll)
afterAll(async () => {
  endAll()
  await Promise.all(running.values())
})

/** A proxy as a process, ended with the test file. */
export class ProxyProcess {
  readonly #child: ChildProcess
  readonly exited: Promise<unknown>
  #output = ''

  constructor(program: string, args: readonly string[], cwd: string) {
    this.#child = spawn(program, args, { cwd, env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    this.exited = once(this.#child, 'exit').finally(() => running.delete(this.#child))
    running.set(this.#child, this.exited)
  }

  /** Everything that it printed so far. */
  get output(): string {
    return this.#output
  }

  get hasEnded(): boolean {
    return !running.has(this.#child)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.exited
  }
}

/** Looks again and again until it holds; says what it saw last if that takes longer than half a minute. */
export async function until<T>(
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  proxy?: ProxyProcess,
): Promise<T> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (proxy?.hasEnded || performance.now() > deadline) {
      throw new Error(
        `it does not come to that: ${JSON.stringify(seen)}\n${proxy?.output.slice(-4000) ?? ''}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Does `act` and prints how long it took from its beginning until `look` shows it. */
export async function timed<T>(
  what: string,
  act: () => Promise<unknown>,
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  proxy?: ProxyProcess,
): Promise<T> {
  const begin = performance.now()
  await act()
  const acted = performance.now()
  const seen = await until(look, holds, proxy)
  const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(2)
  console.log(
    `${what} ${seconds(acted, performance.now())} s after the revoking call, which took ${seconds(begin, acted)} s`,
  )
  return seen
}
