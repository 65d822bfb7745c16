import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent } from '../../src/agent/agent.ts'
import { buildAgentConfig } from '../../src/agent/config.ts'
import type { AgentLog } from '../../src/agent/log.ts'
import type { Timing } from '../../src/agent/timing.ts'
import type { Environment } from '../../src/config/environment.ts'
import { TestCa, type TestCaOptions } from '../api/ca-fixture.ts'

export interface Logged {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly facts: any
}

/** A listening CA, and a directory of a machine that has an agent. The clock of both is the CA's. */
export class AgentPlace {
  readonly ca: TestCa
  readonly folder: string
  readonly log: Logged[] = []
  /** What chance gives. */
  chance = 0.5
  environment: Environment = {}
  #port = 0

  static async make(folder: string, options?: TestCaOptions): Promise<AgentPlace> {
    const place = new AgentPlace(folder, await TestCa.create(options))
    place.#port = await place.ca.listen()
    writeFileSync(place.file('root.pem'), place.ca.rootPem)
    return place
  }

  private constructor(folder: string, ca: TestCa) {
    this.folder = folder
    this.ca = ca
  }

  get url(): string {
    return `https://localhost:${this.#port}`
  }

  file(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** In the files of the consumer; null where there is none. */
  read(name: string): Buffer | null {
    const file = this.file('tls', name)
    return existsSync(file) ? readFileSync(file) : null
  }

  get timing(): Timing {
    return { clock: this.ca.clock, random: () => this.chance, sleep: async () => {} }
  }

  /** An enrolment token for web.example.test, in the place where the agent looks. */
  async giveToken(names: readonly string[] = ['web.example.test'], profile = 'server'): Promise<string> {
    const { token } = await this.ca.token({ profile, names: { dns: names }, ttl: '30d' })
    writeFileSync(this.file('token'), `${token}\n`, { mode: 0o600 })
    return token
  }

  config(certificate: object = {}, options: object = {}) {
    return buildAgentConfig({
      services: [this.url],
      trust: { file: this.file('root.pem') },
      state: this.file('state'),
      certificates: {
        web: {
          names: ['web.example.test'],
          token: { file: this.file('token') },
          directory: this.file('tls'),
          ...certificate,
        },
      },
      ...options,
    })
  }

  /** An agent as a start makes it; `work` is done with it, then it ends. */
  async with<T>(
    work: (agent: Agent) => Promise<T>,
    certificate: object = {},
    options: object = {},
  ): Promise<T> {
    const { timing, environment } = this
    const config = this.config(certificate, options)
    const agent = await Agent.open({ config, timing, environment, log: this.#logger })
    try {
      return await work(agent)
    } finally {
      await agent.close()
    }
  }

  /** One start with --once. Gives what is wrong afterwards. */
  once(certificate: object = {}, options: object = {}): Promise<string[]> {
    return this.with(
      async (agent) => {
        await agent.once(new AbortController().signal)
        return agent.keepers[0]!.problems()
      },
      certificate,
      options,
    )
  }

  /** Seconds. */
  advance(seconds: number): void {
    this.ca.now += seconds * 1000
  }

  get #logger(): AgentLog {
    const at = (level: Logged['level']) => (facts: object, message: string) =>
      void this.log.push({ level, message, facts })
    return { info: at('info'), warn: at('warn'), error: at('error') }
  }
}

/** The serial number, after a look whether key and certificate belong together. */
export function serialOf(certificate: Buffer | null, key: Buffer | null): string {
  if (!certificate || !key) throw new Error('there are no files')
  const leaf = new X509Certificate(certificate)
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('key and certificate differ')
  return leaf.serialNumber.toLowerCase()
}
