/** The trace that a caller is in. */
export interface Traceparent {
  readonly traceId: string
  readonly parentId: string
  readonly sampled: boolean
}

/** W3C Trace Context 3.2: null for what is none, which begins a trace anew. */
export function parseTraceparent(header: string | readonly string[] | undefined): Traceparent | null {
  if (typeof header !== 'string') return null
  const [, version, traceId, parentId, flags, rest] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(header) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (/^0+$/.test(traceId!) || /^0+$/.test(parentId!)) return null
  return { traceId: traceId!, parentId: parentId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 }
}
