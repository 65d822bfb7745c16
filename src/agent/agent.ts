import { join } from 'node:path'
import type { Environment } from '../config/environment.ts'
import { ownershipOf } from './accounts.ts'
import { Attempts } from './attempts.ts'
import type { AgentConfig, CertificateConfig } from './config.ts'
import { Generations } from './generations.ts'
import { Keeper } from './keeper.ts'
import { lockState } from './lock.ts'
import type { AgentLog } from './log.ts'
import { Services } from './services.ts'
import { CertificateState } from './state.ts'
import type { Timing } from './timing.ts'
import { Trust } from './trust.ts'

export interface AgentContext {
  readonly config: AgentConfig
  readonly timing: Timing
  readonly environment: Environment
  readonly log: AgentLog
}

/** The longest sleep: clocks are set and machines are suspended, and a timer hears of neither. Milliseconds. */
const LONGEST_SLEEP = 60_000
/** The longest wait for the first root, milliseconds. */
const MOST_FOR_TRUST = 60_000

/** All certificates of one machine. Holds the lock of its state until `close`. */
export class Agent {
  readonly keepers: readonly Keeper[]
  readonly trust: Trust
  readonly #context: AgentContext
  readonly #unlock: () => Promise<void>
  /** Aborted to end every sleep. */
  #awake = new AbortController()

  /** Throws `CaError` "badConfiguration", and "conflict" where another agent works with the same state. */
  static async open(context: AgentContext): Promise<Agent> {
    const unlock = await lockState(context.config.state)
    try {
      return new Agent(context, unlock)
    } catch (error) {
      await unlock()
      throw error
    }
  }

  private constructor(context: AgentContext, unlock: () => Promise<void>) {
    const { config, timing, environment, log } = context
    this.#context = context
    this.#unlock = unlock
    this.trust = new Trust(config)
    const childEnvironment = withoutTokens(environment, config)
    const services = new Services(config.services, () => this.trust.roots())
    this.keepers = config.certificates.map(
      (certificate) =>
        new Keeper({
          config: certificate,
          state: new CertificateState(join(config.state, certificate.id)),
          services,
          timing,
          environment,
          childEnvironment,
          log,
          refresh: config.refresh,
          trust: this.trust,
          generations: generationsOf(certificate),
        }),
    )
  }

  /** Does once what is due, for each certificate. Throws `CaError` and `ServiceError` where the first root cannot be had. */
  async once(signal: AbortSignal): Promise<void> {
    await this.trust.open()
    for (const keeper of this.keepers) {
      // What a round finds out, such as a revocation, can make more due: not for ever.
      for (let rounds = 0; rounds < 3 && !signal.aborted; rounds++) {
        await keeper.round(signal)
        if (keeper.dueAt > this.#context.timing.clock().getTime()) break
      }
    }
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#openTrust(signal)
    await Promise.all(this.keepers.map((keeper) => this.#keep(keeper, signal)))
  }

  /** Looks at everything again now, whatever it waits for: there is a new token, or something is known to have changed. */
  hurry(): void {
    for (const keeper of this.keepers) keeper.hurry()
    this.#awake.abort()
    this.#awake = new AbortController()
  }

  close(): Promise<void> {
    return this.#unlock()
  }

  async #keep(keeper: Keeper, signal: AbortSignal): Promise<void> {
    const { timing, log } = this.#context
    while (!signal.aborted) {
      let wait = LONGEST_SLEEP
      try {
        await keeper.round(signal)
        wait = keeper.dueAt - timing.clock().getTime()
      } catch (error) {
        // A disk that is full or gone, under the agent's own state. The others go on.
        log.error({ event: 'failed', certificate: keeper.id, reason: String(error) }, 'failed')
      }
      await this.#sleep(Math.max(0, Math.min(wait, LONGEST_SLEEP)), signal)
    }
  }

  #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#context.timing.sleep(milliseconds, AbortSignal.any([signal, this.#awake.signal]))
  }

  async #openTrust(signal: AbortSignal): Promise<void> {
    const { timing, log } = this.#context
    const attempts = new Attempts()
    while (!signal.aborted) {
      try {
        return await this.trust.open()
      } catch (error) {
        attempts.fail(error, MOST_FOR_TRUST, timing)
        log.warn({ event: 'failed', work: 'trust', reason: attempts.lastError }, 'failed')
        await this.#sleep(attempts.notBefore - timing.clock().getTime(), signal)
      }
    }
  }
}

/** What commands of consumers get. */
function withoutTokens(environment: Environment, { certificates }: AgentConfig): Environment {
  const secret = new Set(certificates.map(({ token }) => token.environment))
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secret.has(name)))
}

function generationsOf(certificate: CertificateConfig): Generations {
  const { directory, mode } = certificate
  return new Generations(directory, { ownership: ownershipOf(certificate), secret: mode })
}
