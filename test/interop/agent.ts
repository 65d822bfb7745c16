import { type ChildProcess, spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { PROGRAM } from '../scenario/harness.ts'
import { cleanEnvironment } from '../scenario/tools.ts'
import { type Visit, visit } from './handshake.ts'
import type { InteropCa } from './members.ts'
import { adapted, block } from './page.ts'
import { type ProxyProcess, until } from './proxy.ts'
import { Traffic } from './traffic.ts'

const running = new Map<ChildProcess, Promise<unknown>>()
afterAll(async () => {
  for (const child of running.keys()) child.kill('SIGKILL')
  await Promise.all(running.values())
})

/** `chancery agent` with the configuration of docs/agent.md, as a process. */
export class AgentProcess {
  readonly directory: string
  readonly #file: string
  readonly #ca: InteropCa
  #child: ChildProcess | null = null
  #log = ''

  /** `page`: the block of docs/agent.md; `places`: more of its words, in those of the test. */
  static async make(
    ca: InteropCa,
    page: string,
    folder: string,
    places: Record<string, string> = {},
  ): Promise<AgentProcess> {
    const token = join(folder, 'web.token')
    const answer = await ca.rest.json<{ token: string }>('POST', '/v1/tokens', {
      body: { profile: 'server', names: { dns: ['web.example.test'] }, ttl: '1h' },
    })
    writeFileSync(token, answer.token, { mode: 0o600 })
    const text = adapted(block('../agent', page), {
      'https://ca.example.test:8443': ca.service.tlsUrl,
      '/etc/chancery/root.pem': ca.service.rootFile,
      '/etc/chancery/web.token': token,
      ...places,
    })
    const file = join(folder, 'agent.yaml')
    writeFileSync(file, `${text}state: ${join(folder, 'state')}\n`)
    const [, directory] = /directory: (\S+)/.exec(text)!
    return new AgentProcess(ca, file, directory!)
  }

  private constructor(ca: InteropCa, file: string, directory: string) {
    this.#ca = ca
    this.#file = file
    this.directory = directory
  }

  get log(): string {
    return this.#log
  }

  start(): void {
    const child = spawn(process.execPath, [PROGRAM, 'agent', '--config', this.#file], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    running.set(
      child,
      once(child, 'exit').finally(() => running.delete(child)),
    )
    this.#child = child
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child!
    child.kill(signal)
    await running.get(child)
  }

  /** Looks at everything again. */
  hurry(): void {
    this.#child!.kill('SIGHUP')
  }

  has(name: string): boolean {
    return existsSync(join(this.directory, name))
  }

  read(name: string): Buffer {
    return readFileSync(join(this.directory, name))
  }

  async untilWritten(...names: string[]): Promise<void> {
    await until(
      async () => this.#log,
      () => names.every((name) => this.has(name)),
    )
  }

  /** Of the first certificate in a file. */
  serialIn(name: string): string {
    return new X509Certificate(this.read(name)).serialNumber.toLowerCase()
  }

  /** The CA says that the certificate should be renewed, and the agent asks. */
  async callForRenewal(serialNumber: string, rest = this.#ca.rest): Promise<void> {
    await rest.json('POST', '/v1/renewal-calls', { body: { serialNumbers: [serialNumber], within: '1s' } })
    this.hurry()
  }
}

export async function untilStapled(target: Visit, proxy: ProxyProcess): Promise<void> {
  await until(
    () => visit(target),
    ({ answered, staple }) => answered && staple === 'good',
    proxy,
  )
}

/**
 * Clients come without end while the staple is refreshed and the certificate is renewed, three times each. Fails unless each of them
 * was answered, with a good staple, and saw every certificate.
 */
export async function servesThroughChange(
  agent: AgentProcess,
  target: Visit,
  proxy: ProxyProcess,
  first: string,
): Promise<Traffic> {
  const traffic = new Traffic(target)
  const serials = [first]
  for (let times = 0; times < 3; times++) {
    const before = serials.at(-1)!
    const staple = await until(
      async () => traffic.lastStaple,
      (seen) => seen !== null,
      proxy,
    )
    // A second may have to pass: times inside a staple are whole ones.
    agent.hurry()
    await until(
      async () => traffic.lastStaple!,
      (seen) => {
        if (!seen.equals(staple!)) return true
        agent.hurry()
        return false
      },
      proxy,
    )
    await agent.callForRenewal(before)
    const seen = await until(
      async () => traffic.last,
      // A worker that is on its way out may still show the one before.
      (one) => one !== null && !serials.includes(one.serialNumber!) && one.staple === 'good',
      proxy,
    )
    serials.push(seen!.serialNumber!)
  }
  await traffic.end()
  expect(traffic.failures).toEqual([])
  expect([...traffic.serials]).toEqual(serials)
  expect(traffic.bare).toBe(0)
  return traffic
}

/** Fails unless a client whose certificate is revoked is no longer answered once the agent has looked, and others are. */
export async function refusesRevoked(
  ca: InteropCa,
  agent: AgentProcess,
  target: Visit,
  proxy: ProxyProcess,
): Promise<void> {
  const mallory = await ca.enrol('mallory.example.test', 'client')
  const asMallory = { ...target, identity: mallory }
  expect(await visit(asMallory)).toMatchObject({ answered: true })
  await ca.revoke(mallory.serialNumber)
  agent.hurry()
  await until(
    () => visit(asMallory),
    ({ answered }) => !answered,
    proxy,
  )
  expect(await visit(target)).toMatchObject({ answered: true })
}
