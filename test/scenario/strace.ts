import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
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

  /**
   * `expressions` as after `-e`: "trace=fsync", "inject=fsync:error=EIO". `paths`: calls on other files are let be; `threads`:
   * those of threads by another name are.
   */
  static async attach(
    service: ServiceProcess,
    expressions: readonly string[],
    {
      paths = [],
      options = [],
      threads,
    }: { paths?: readonly string[]; options?: readonly string[]; threads?: string } = {},
  ): Promise<Strace> {
    const targets = threads === undefined ? [service.pid] : threadsOf(service.pid, threads)
    const args = [
      ...(threads === undefined ? ['-f'] : []),
      ...targets.flatMap((id) => ['-p', String(id)]),
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
      const attached = [...words.matchAll(/Process \d+ attached/g)].length
      if (attached < targets.length) throw new Error(`strace did not attach: ${words}`)
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

function threadsOf(pid: number, name: string): number[] {
  const folder = `/proc/${pid}/task`
  const found = readdirSync(folder).filter(
    (id) => readFileSync(`${folder}/${id}/comm`, 'utf8').trim() === name,
  )
  if (found.length === 0) throw new Error(`the service has no thread "${name}"`)
  return found.map(Number)
}
