import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from '../eventually.ts'
import type { ServiceProcess } from './harness.ts'

/** strace on a running service and all its threads: watches its calls, or has them fail. What fails ends with `detach`. */
export class Strace {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>

  private constructor(child: ChildProcess, exited: Promise<unknown[]>) {
    this.#child = child
    this.#exited = exited
  }

  /** `expressions` as after `-e`: "trace=fsync", "inject=fsync:error=EIO". `paths`: calls on other files are let be. */
  static async attach(
    service: ServiceProcess,
    expressions: readonly string[],
    { paths = [], options = [] }: { paths?: readonly string[]; options?: readonly string[] } = {},
  ): Promise<Strace> {
    const args = [
      ...['-f', '-p', String(service.pid)],
      ...(options.includes('-o') ? options : ['-o', '/dev/null', ...options]),
      ...paths.flatMap((path) => ['-P', path]),
      ...expressions.flatMap((one) => ['-e', one]),
    ]
    const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const exited = once(child, 'exit')
    let words = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words += text
    })
    await eventually(() => {
      if (!/attached with \d+ threads/.test(words)) throw new Error(`strace did not attach: ${words}`)
    })
    return new Strace(child, exited)
  }

  /** Lets the service go on as it would. */
  async detach(): Promise<void> {
    this.#child.kill('SIGINT')
    await this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.detach()
  }
}
