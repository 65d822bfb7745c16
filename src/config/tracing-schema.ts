import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'

/** OpenTelemetry. */
export const TracingOptions = Type.Object(
  {
    endpoint: Type.Optional(
      Type.String({
        pattern: '^https?://[\\x21-\\x7e]+$',
        wanted: 'an address such as "http://127.0.0.1:4318"',
        env: 'CHANCERY_TRACING_ENDPOINT',
        description:
          'Where traces are sent, as OTLP over HTTP (JSON); `/v1/traces` is added where it has no path. Absent: nothing is traced.',
      }),
    ),
    headersFile: Type.Optional(
      Type.String({
        minLength: 1,
        env: 'CHANCERY_TRACING_HEADERS_FILE',
        description:
          'File with headers to send along, as `OTEL_EXPORTER_OTLP_HEADERS` has them (`api-key=abc,x-tenant=one%20two`; line breaks separate too), which only the owner and the group may read; relative to the data directory.',
      }),
    ),
    sampleOneIn: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 1,
      description:
        'Of so many requests one is traced. A request that says by `traceparent` whether its trace is kept is obeyed.',
    }),
    serviceName: Type.String({
      default: 'chancery',
      minLength: 1,
      maxLength: 255,
      description: '`service.name` of the traces.',
    }),
  },
  { default: {} },
)

/** What each option allows by itself. The address is not shown: a key may stand in it. */
export function tracingContradictions({ endpoint }: StaticDecode<typeof TracingOptions>): string[] {
  if (endpoint === undefined) return []
  const url = URL.parse(endpoint)
  if (!url) return ['tracing.endpoint is no address.']
  return url.username || url.password || url.hash
    ? [
        'tracing.endpoint must have neither a user name nor a password nor a fragment: put "authorization=Basic%20…" into tracing.headersFile.',
      ]
    : []
}
