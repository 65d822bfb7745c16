import { parseTracestate } from './tracestate.ts'

type Header = string | readonly string[] | undefined

/** The trace that a caller is in. */
export interface CallersTrace {
  readonly traceId: string
  readonly parentId: string
  readonly sampled: boolean
  /** What other programs say of it; "" where they do not. */
  readonly state: string
}

/** W3C Trace Context 3.2: null for what is none, which begins a trace anew, whatever `state` says (3.3). */
export function parseTraceparent(header: Header, state: Header): CallersTrace | null {
  if (typeof header !== 'string') return null
  const [, version, traceId, parentId, flags, rest] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (/^0+$/.test(traceId!) || /^0+$/.test(parentId!)) return null
  const sampled = (Number.parseInt(flags!, 16) & 1) === 1
  return { traceId: traceId!, parentId: parentId!, sampled, state: parseTracestate(state) }
}
