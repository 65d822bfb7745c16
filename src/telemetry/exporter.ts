import { randomInt } from 'node:crypto'
import { AddressRules } from '../acme/validation/addresses.ts'
import { NameResolver } from '../acme/validation/name-resolver.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { FaultLog } from '../health.ts'
import { instant } from '../metrics/timings.ts'
import { closeSink, type FinishedSpan, openSink, type SpanSink } from '../tracing/spans.ts'
import { Poster } from '../webhooks/post.ts'
import { otlpRequest } from './otlp.ts'

/** Spans that may wait; more are dropped, since the service goes before what is told of it. */
const MOST = 8192
/** Spans in one message. */
const BATCH = 512
/** Milliseconds. */
const INTERVAL = 1000
/** Intervals that are let pass after failures, at most. */
const LONGEST_REST = 30
/** OTLP 1.5, "Retryable response codes". */
const RETRYABLE = new Set([429, 502, 503, 504])

export interface TracerOptions {
  readonly tracing: Config['tracing'] & { readonly endpoint: string }
  /** What goes with each message, such as the key for an account. */
  readonly headers: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly log: FaultLog
}

/** Collects the spans of one service and sends them as OTLP over HTTP. */
export class Tracer implements SpanSink {
  readonly #options: TracerOptions
  readonly #poster: Poster
  readonly #timer: NodeJS.Timeout
  /** One reading of each clock: wall time that does not leap within a trace. */
  readonly #epoch: { readonly wall: bigint; readonly at: bigint }
  #waiting: FinishedSpan[] = []
  #dropped = 0
  #failures = 0
  #rest = 0
  #sending: Promise<void> | null = null
  #stopped = false

  constructor(options: TracerOptions) {
    this.#options = options
    const url = new URL(options.tracing.endpoint)
    if (url.pathname === '/') url.pathname = '/v1/traces'
    this.#poster = new Poster({
      url,
      ca: undefined,
      resolver: new NameResolver(),
      networks: new AddressRules(),
    })
    this.#epoch = { wall: BigInt(options.clock().getTime()) * 1_000_000n, at: instant() }
    this.#timer = setInterval(() => void this.#tick(), INTERVAL).unref()
    openSink()
  }

  now(): bigint {
    return this.#epoch.wall + instant() - this.#epoch.at
  }

  isSampled(): boolean {
    const { sampleOneIn } = this.#options.tracing
    return sampleOneIn === 1 || randomInt(sampleOneIn) === 0
  }

  take(span: FinishedSpan): void {
    if (this.#waiting.length < MOST) this.#waiting.push(span)
    else this.#dropped++
  }

  /** Sends what waits, once, and no more. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#timer)
    closeSink()
    await this.#sending
    if (this.#failures === 0) await this.#send()
    this.#poster.close()
  }

  async #tick(): Promise<void> {
    if (this.#sending || this.#waiting.length === 0) return
    if (this.#rest > 0) {
      this.#rest--
      return
    }
    this.#sending = this.#send()
    await this.#sending
    this.#sending = null
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH)
      const failure = await this.#post(batch)
      if (failure === null || failure.final) this.#waiting.splice(0, batch.length)
      if (failure === null) {
        this.#succeeded()
        continue
      }
      if (failure.final) this.#dropped += batch.length
      this.#failed(failure.reason)
      return
    }
  }

  async #post(batch: readonly FinishedSpan[]): Promise<{ reason: string; final: boolean } | null> {
    const { headers, tracing } = this.#options
    try {
      const { status } = await this.#poster.post(headers, otlpRequest(batch, tracing.serviceName))
      if (status >= 200 && status < 300) return null
      return { reason: `It answers with status ${status}.`, final: !RETRYABLE.has(status) }
    } catch (error) {
      return { reason: (error as Error).message, final: false }
    }
  }

  #succeeded(): void {
    const { log } = this.#options
    if (this.#failures > 0 || this.#dropped > 0)
      log.warn({ dropped: this.#dropped }, 'Traces are delivered again; some spans may have been dropped')
    this.#failures = 0
    this.#dropped = 0
  }

  #failed(reason: string): void {
    // Once for all attempts in a row: traces are no reason to fill a log.
    if (this.#failures === 0)
      this.#options.log.warn({}, `Traces could not be delivered, which will be tried again: ${reason}`)
    this.#failures++
    this.#rest = Math.min(2 ** this.#failures, LONGEST_REST)
  }
}
