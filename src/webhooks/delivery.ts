import { randomInt } from 'node:crypto'
import { type Clock, epochSeconds } from '../clock.ts'
import type { FaultLog, HealthCheck } from '../health.ts'
import type { Tally } from '../metrics/labelled.ts'
import type { NoticeRow } from '../store/notice-queries.ts'
import type { Store } from '../store/store.ts'
import { MOST_AT_ONCE, type Poster } from './post.ts'
import { signedHeaders } from './signature.ts'

/** Milliseconds until the second attempt; then four times as many after each. */
const FIRST_PAUSE = 5000
const LONGEST_PAUSE = 6 * 3_600_000
/** A receiver that fails is asked by one notice at a time, after pauses that grow to this. Milliseconds. */
const LONGEST_REST = 60_000
/** Attempts that fail in a row before somebody has to look. */
const WORRYING = 5
/** For an answer that is on its way at the end. Milliseconds. */
const LAST_WAIT = 1000

export interface DeliveryContext {
  readonly name: string
  readonly poster: Poster
  readonly secrets: readonly Buffer[]
  readonly store: Store
  readonly clock: Clock
  readonly log: FaultLog
  /** Seconds. */
  readonly retryFor: number
  /** By webhook and result. */
  readonly results: Tally
}

/** Takes the notices of one webhook out of the store and posts them, until each was taken or its time is over. */
export class Delivery {
  readonly #context: DeliveryContext
  readonly #underWay = new Map<number, Promise<void>>()
  /** Outcomes that could not be recorded: they are not sent again by this process. */
  readonly #unsettled = new Map<number, number | null>()
  /** In a row. */
  #failures = 0
  /** Milliseconds since 1970. */
  #restsUntil = 0
  #looking = false
  #stopped = false

  constructor(context: DeliveryContext) {
    this.#context = context
  }

  /** Sends what is due, as much as may be under way. Called often; also after each success, so that a backlog flows. */
  async look(): Promise<void> {
    if (this.#looking || this.#stopped) return
    this.#looking = true
    try {
      await this.#settleAll()
      const now = this.#now()
      // Set back, a clock must not make a receiver rest for as long.
      const rests = now < this.#restsUntil && this.#restsUntil - now <= LONGEST_REST
      const room = (this.#failures > 0 ? 1 : MOST_AT_ONCE) - this.#underWay.size
      if (rests || room <= 0) return
      const known = this.#underWay.size + this.#unsettled.size
      const { name, store } = this.#context
      const rows = await store.read.dueNotices(name, now, now + LONGEST_PAUSE, room + known)
      const fresh = rows.filter(
        ({ noticeId }) => !this.#underWay.has(noticeId) && !this.#unsettled.has(noticeId),
      )
      for (const row of fresh.slice(0, room)) this.#start(row)
    } catch {
      // The store says by itself that it cannot be read or written; it is looked at again soon.
    } finally {
      this.#looking = false
    }
  }

  /** Shown to anybody: what failed is for the log, since it names addresses within. */
  health(): HealthCheck {
    const { name } = this.#context
    const reason =
      this.#failures < WORRYING
        ? null
        : `The last ${this.#failures} attempts to deliver a notice failed: the log says why.`
    return { name: `webhook:${name}`, ok: true, reason }
  }

  /** What is under way for longer is cut off, and sent again by the next process. */
  async stop(): Promise<void> {
    this.#stopped = true
    const all = Promise.all(this.#underWay.values())
    const cut = setTimeout(() => this.#context.poster.close(), LAST_WAIT)
    await all
    clearTimeout(cut)
    this.#context.poster.close()
  }

  #now(): number {
    return this.#context.clock().getTime()
  }

  #start(row: NoticeRow): void {
    if (this.#stopped) return
    const work = this.#send(row).finally(() => {
      this.#underWay.delete(row.noticeId)
      if (this.#failures === 0) void this.look()
    })
    this.#underWay.set(row.noticeId, work)
  }

  async #send(row: NoticeRow): Promise<void> {
    const { poster, secrets, clock, name, results } = this.#context
    try {
      const headers = signedHeaders(secrets, row, epochSeconds(clock()))
      const { status, retryAfter } = await poster.post(headers, row.body)
      if (status >= 200 && status < 300) {
        this.#failures = 0
        results.of(name, 'delivered').count++
        await this.#settle(row.noticeId, null)
      } else await this.#failed(row, `It answers with status ${status}.`, retryAfter)
    } catch (error) {
      if (!this.#stopped) await this.#failed(row, (error as Error).message, null)
    }
  }

  async #failed(row: NoticeRow, reason: string, retryAfter: number | null): Promise<void> {
    const { name, log, retryFor, results } = this.#context
    const now = this.#now()
    this.#failures++
    this.#restsUntil = now + jittered(Math.min(1000 * 2 ** this.#failures, LONGEST_REST))
    results.of(name, 'failed').count++
    const last = row.createdAt + retryFor * 1000
    const facts = { webhook: name, notice: row.message, attempts: row.attempts + 1 }
    if (now >= last) {
      results.of(name, 'given_up').count++
      log.error(facts, `A notice could not be delivered, and is given up: ${reason}`)
      await this.#settle(row.noticeId, null)
      return
    }
    const pause = Math.min(FIRST_PAUSE * 4 ** row.attempts, LONGEST_PAUSE)
    const asked = Math.min((retryAfter ?? 0) * 1000, LONGEST_PAUSE)
    log.warn(facts, `A notice could not be delivered, which will be tried again: ${reason}`)
    await this.#settle(row.noticeId, Math.min(now + Math.max(jittered(pause), asked), last))
  }

  async #settle(noticeId: number, dueAt: number | null): Promise<void> {
    this.#unsettled.set(noticeId, dueAt)
    await this.#context.store.write('settleNotice', { noticeId, dueAt }).then(
      () => this.#unsettled.delete(noticeId),
      () => {},
    )
  }

  async #settleAll(): Promise<void> {
    for (const [noticeId, dueAt] of [...this.#unsettled])
      if (!this.#underWay.has(noticeId)) await this.#settle(noticeId, dueAt)
  }
}

/** Between half of it and all of it, so that what failed together does not come together. */
function jittered(milliseconds: number): number {
  return randomInt(Math.floor(milliseconds / 2), Math.ceil(milliseconds) + 1)
}
