import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { CallersTrace } from './traceparent.ts'

export type Attributes = Readonly<Record<string, string | number | boolean>>

/** What one step of the work took. Times are nanoseconds since 1970; ids are lower-case hexadecimal (W3C Trace Context 3.2). */
export interface FinishedSpan {
  readonly traceId: string
  /** What other programs say of the trace (W3C Trace Context 3.3); "" where they do not. */
  readonly traceState: string
  readonly spanId: string
  readonly parentId: string | null
  readonly name: string
  readonly kind: 'server' | 'internal'
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Attributes
  readonly failed: boolean
}

/** Where spans go. */
export interface SpanSink {
  /** Nanoseconds since 1970, which do not run backwards. */
  now(): bigint
  /** Whether a trace that begins here is kept. */
  isSampled(): boolean
  take(span: FinishedSpan): void
}

/** A step that is under way, and the place of those within it. */
export class Span {
  readonly #sink: SpanSink
  readonly #begun: Omit<FinishedSpan, 'end' | 'attributes' | 'failed'>

  constructor(
    sink: SpanSink,
    begun: Pick<FinishedSpan, 'traceId' | 'traceState' | 'parentId' | 'name' | 'kind'>,
  ) {
    this.#sink = sink
    this.#begun = { ...begun, spanId: newId(8), start: sink.now() }
  }

  child(name: string): Span {
    const { traceId, traceState, spanId: parentId } = this.#begun
    return new Span(this.#sink, { traceId, traceState, parentId, name, kind: 'internal' })
  }

  end(attributes: Attributes = {}, failed = false): void {
    this.#sink.take({ ...this.#begun, end: this.#sink.now(), attributes, failed })
  }

  /** A step within this one that is over: it began and ended so many seconds ago. */
  past(name: string, begin: number, end: number): void {
    const { traceId, traceState, spanId: parentId } = this.#begun
    const now = this.#sink.now()
    const ago = (seconds: number) => now - BigInt(Math.round(seconds * 1e9))
    const times = { start: ago(begin), end: ago(end) }
    const kind = 'internal' as const
    this.#sink.take({
      traceId,
      traceState,
      spanId: newId(8),
      parentId,
      name,
      kind,
      ...times,
      attributes: {},
      failed: false,
    })
  }
}

/** A service whose spans are wanted, and the span in which something happens; null in a trace that is not kept. */
interface Scope {
  readonly sink: SpanSink
  readonly span: Span | null | 'none yet'
}

const scopes = new AsyncLocalStorage<Scope>()
/** Services of this process that want spans. While there is none, nobody asks for the scope. */
let sinks = 0

export function openSink(): void {
  sinks++
}

export function closeSink(): void {
  sinks--
}

/** Runs what belongs to a service, timers that it starts included: what they trace begins traces of its own. */
export function withinService<T>(sink: SpanSink, work: () => T): T {
  return scopes.run({ sink, span: 'none yet' }, work)
}

/** Runs what belongs to a span, or to a trace that is not kept. */
export function within<T>(sink: SpanSink, span: Span | null, work: () => T): T {
  return scopes.run({ sink, span }, work)
}

/** A new trace, or the next part of one that another program began; null where it is not kept. */
export function rootSpan(
  sink: SpanSink,
  name: string,
  kind: FinishedSpan['kind'],
  parent: CallersTrace | null = null,
): Span | null {
  if (!(parent ? parent.sampled : sink.isSampled())) return null
  const { traceId, parentId, state } = parent ?? { traceId: newId(16), parentId: null, state: '' }
  return new Span(sink, { traceId, traceState: state, parentId, name, kind })
}

/** A step within what runs here, to be ended by who asked; null where nobody wants it. */
export function beginSpan(name: string): Span | null {
  if (sinks === 0) return null
  const scope = scopes.getStore()
  if (!scope || scope.span === null) return null
  return scope.span === 'none yet' ? rootSpan(scope.sink, name, 'internal') : scope.span.child(name)
}

/** Does the work as a step of its own, if somebody wants spans; a promise ends it when it is settled. */
export function traced<T>(name: string, work: () => T): T {
  if (sinks === 0) return work()
  const scope = scopes.getStore()
  if (!scope || scope.span === null) return work()
  const span = beginSpan(name)
  return within(scope.sink, span, () => (span ? ending(span, work) : work()))
}

function ending<T>(span: Span, work: () => T): T {
  let result: T
  try {
    result = work()
  } catch (error) {
    span.end({}, true)
    throw error
  }
  if (!(result instanceof Promise)) {
    span.end()
    return result
  }
  return result.then(
    (value) => {
      span.end()
      return value
    },
    (error: unknown) => {
      span.end({}, true)
      throw error
    },
  ) as T
}

function newId(octets: number): string {
  return randomBytes(octets).toString('hex')
}
