import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { FairQueue } from '../fair-queue.ts'
import { tally } from '../metrics/labelled.ts'
import type { AcmeAuthorizationRow, AcmeChallengeRow } from '../store/acme-queries.ts'
import type { AcmeContext } from './context.ts'
import { HourlyLimit } from './hourly-limits.ts'
import { AcmeError, problemOf } from './problem.ts'
import { asAcmeError } from './refusal.ts'
import type { Validated } from './validation/validate.ts'

/** One challenge that is to be looked at, with all that it takes. */
export interface Attempt {
  readonly authorization: AcmeAuthorizationRow
  readonly challenge: AcmeChallengeRow
  /** base64url, RFC 7638. */
  readonly thumbprint: string
  readonly signal: AbortSignal
}

export interface ValidatorOptions extends Pick<AcmeContext, 'store' | 'clock' | 'config'> {
  /** Resolves where the challenge is met, perhaps with how long that counts; throws `AcmeError` with what was found instead. */
  readonly attempt: (attempt: Attempt) => Promise<Validated>
  /** Whether the same may be seen differently a little later. */
  readonly mayPass: (error: AcmeError) => boolean
  readonly onError: (error: unknown) => void
}

/** Seconds before the next attempt; the last of them is repeated. */
const PAUSES = [1, 2, 4, 8, 15]
/** After the store failed. Seconds. */
const STORE_PAUSE = 5
/** Challenges in memory; the others wait in the database. */
const MOST_WAITING = 10_000

/**
 * Looks at challenges outside of requests: so many at once, no account before the others, again and again until each is met
 * or its time is over. What is processing stands in the database, and is taken up again after a restart.
 */
export class Validator {
  /** Attempts by the type of the challenge and what became of it: "valid", "retry" or "invalid". */
  readonly attempts = tally('type', 'result')
  readonly #options: ValidatorOptions
  readonly #queue = new FairQueue<number>()
  readonly #underWay = new Set<number>()
  readonly #pauses = new Map<number, NodeJS.Timeout>()
  readonly #failures: HourlyLimit
  readonly #abort = new AbortController()
  #running = 0
  #left = false

  constructor(options: ValidatorOptions) {
    this.#options = options
    const { limits } = options.config
    this.#failures = new HourlyLimit(limits.failuresPerName, 'failed validations of this name', options.clock)
  }

  /** Takes up what was under way when the service last stopped. */
  async start(): Promise<void> {
    const { read } = this.#options.store
    // Before it is looked: what is submitted from now on may be left over again.
    this.#left = false
    let after = 0
    for (;;) {
      const ids = await read.processingAcmeChallenges(after, 500)
      for (const id of ids) this.#wait(id, (await read.acmeAuthorizationOf(id))?.accountId ?? 0)
      this.#left ||= this.#queue.size >= MOST_WAITING
      if (ids.length === 0 || this.#left) break
      after = ids.at(-1)!
    }
    this.#fill()
  }

  /** What is under way is given up; it is taken up at the next start. */
  stop(): void {
    this.#abort.abort()
    for (const timer of this.#pauses.values()) clearTimeout(timer)
    this.#pauses.clear()
  }

  /** Challenges in memory that nobody looks at just now; those between two attempts are not among them. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Challenges that are being looked at. */
  get running(): number {
    return this.#running
  }

  /** Whether more wait than are held in memory. */
  get isOverloaded(): boolean {
    return this.#left
  }

  /** Throws "rateLimited" where this account has failed with this name too often. */
  checkFailures({ accountId, identifier }: Pick<AcmeAuthorizationRow, 'accountId' | 'identifier'>): void {
    this.#failures.check(`${accountId} ${identifier}`)
  }

  /** A challenge that is processing, on record as such. */
  submit(challengeId: number, accountId: number): void {
    if (this.#queue.size >= MOST_WAITING) this.#left = true
    else this.#wait(challengeId, accountId)
    this.#fill()
  }

  /** What is processing on record and not in memory; where the database fails, a little later. */
  takeUp(): void {
    this.start().catch((error: unknown) => {
      this.#options.onError(error)
      // They are still there, and perhaps nobody else comes.
      this.#left = true
      setTimeout(() => this.#fill(), STORE_PAUSE * 1000).unref()
    })
  }

  #wait(challengeId: number, accountId: number): void {
    if (this.#underWay.has(challengeId)) return
    this.#underWay.add(challengeId)
    this.#queue.push(String(accountId), challengeId)
  }

  #fill(): void {
    while (this.#running < this.#options.config.validation.concurrency && !this.#abort.signal.aborted) {
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#running++
      this.#look(next)
        .catch((error: unknown) => this.#troubled(next, error))
        .finally(() => {
          this.#running--
          this.#fill()
        })
    }
    if (this.#queue.size === 0 && this.#left && !this.#abort.signal.aborted) this.takeUp()
  }

  async #look(challengeId: number): Promise<void> {
    const { store, clock, attempt, config } = this.#options
    const authorization = await store.read.acmeAuthorizationOf(challengeId)
    const challenge = authorization?.challenges.find((one) => one.challengeId === challengeId)
    const account = authorization && (await store.read.acmeAccount(authorization.accountId))
    if (!account || challenge?.status !== 'processing') {
      this.#underWay.delete(challengeId)
      return
    }
    if (authorization.status !== 'pending') return this.#giveUp(challengeId, authorization)
    const outcome = await attempt({
      ...{ authorization, challenge, signal: this.#abort.signal },
      thumbprint: account.thumbprint.toString('base64url'),
    }).then(
      ({ until }) => ({ failure: null, until }),
      (error: unknown) => ({ failure: this.#asFailure(error), until: null }),
    )
    if (this.#abort.signal.aborted) return
    const { failure, until } = outcome
    const now = epochSeconds(clock())
    const again = failure !== null && this.#isWorthWaiting(failure, challenge.attempts)
    const result = failure === null ? 'valid' : again ? 'retry' : 'invalid'
    this.attempts.of(challenge.type, result).count++
    await store.write('recordAcmeAttempt', {
      challengeId,
      at: now,
      outcome: result,
      error: failure && JSON.stringify(problemOf(failure)),
      expiresAt: Math.min(now + config.authorizationValidity, until ?? Number.MAX_SAFE_INTEGER),
    })
    if (again) return this.#pause(challengeId, account.accountId, pauseAfter(challenge.attempts + 1))
    this.#underWay.delete(challengeId)
    if (failure) this.#count(authorization)
  }

  /** Another challenge has settled the authorization, or its account has ended it: nobody is asked in vain. */
  async #giveUp(challengeId: number, { status }: AcmeAuthorizationRow): Promise<void> {
    const { store, clock } = this.#options
    const over = new AcmeError(
      'unauthorized',
      `The authorization was ${status} before this challenge was met.`,
    )
    await store.write('recordAcmeAttempt', {
      ...{ challengeId, outcome: 'invalid', error: JSON.stringify(problemOf(over)) },
      ...{ at: epochSeconds(clock()), expiresAt: 0 },
    })
    this.#underWay.delete(challengeId)
  }

  /** Counted by the pauses that there were: a clock that is set right in between ends nothing. */
  #isWorthWaiting(failure: AcmeError, attempts: number): boolean {
    const { mayPass, config } = this.#options
    const paused = Array.from({ length: attempts + 1 }, (_, index) => pauseAfter(index + 1))
    return mayPass(failure) && paused.reduce((sum, one) => sum + one) <= config.validation.patience
  }

  /** Throws where it says nothing of the challenge: the database could not be read for it. */
  #asFailure(error: unknown): AcmeError {
    if (error instanceof CaError && error.code === 'storeFailed') throw error
    const failure = asAcmeError(error)
    if (failure.type === 'serverInternal') this.#options.onError(error)
    return failure
  }

  #count({ accountId, identifier }: AcmeAuthorizationRow): void {
    try {
      this.#failures.take(`${accountId} ${identifier}`)
    } catch {
      // It counts as one that is refused next time.
    }
  }

  /** The database cannot tell or take the outcome now: the challenge stays as it is, and is looked at later. */
  #troubled(challengeId: number, error: unknown): void {
    if (this.#abort.signal.aborted) return
    this.#options.onError(error)
    this.#pause(challengeId, 0, STORE_PAUSE)
  }

  #pause(challengeId: number, accountId: number, seconds: number): void {
    const timer = setTimeout(() => {
      this.#pauses.delete(challengeId)
      this.#queue.push(String(accountId), challengeId)
      this.#fill()
    }, seconds * 1000)
    timer.unref()
    this.#pauses.set(challengeId, timer)
  }
}

/** The pause after so many attempts, for Retry-After as well. Seconds. */
export function pauseAfter(attempts: number): number {
  return PAUSES[Math.max(0, attempts - 1)] ?? PAUSES.at(-1)!
}
