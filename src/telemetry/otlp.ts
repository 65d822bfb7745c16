import type { FinishedSpan } from '../tracing/spans.ts'

/** SpanKind and StatusCode of OTLP 1.5. */
const KINDS = { internal: 1, server: 2 } as const
const ERROR = { code: 2 }

type Value = string | number | boolean

/** An ExportTraceServiceRequest in OTLP's JSON: ids in hexadecimal, 64-bit numbers as text. */
export function otlpRequest(spans: readonly FinishedSpan[], serviceName: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf({ 'service.name': serviceName }) },
        scopeSpans: [{ scope: { name: 'chancery' }, spans: spans.map(spanOf) }],
      },
    ],
  })
}

function spanOf({
  traceId,
  traceState,
  spanId,
  parentId,
  name,
  kind,
  start,
  end,
  attributes,
  failed,
}: FinishedSpan) {
  return {
    traceId,
    ...(traceState === '' ? {} : { traceState }),
    spanId,
    ...(parentId === null ? {} : { parentSpanId: parentId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(end),
    attributes: attributesOf(attributes),
    status: failed ? ERROR : {},
  }
}

function attributesOf(attributes: Readonly<Record<string, Value>>) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: Value) {
  if (typeof value === 'string') return { stringValue: value }
  return typeof value === 'boolean' ? { boolValue: value } : { intValue: String(value) }
}
