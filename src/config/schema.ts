import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'
import { AcmeOptions } from './acme-schema.ts'
import { AdminCertificates, ConsoleOptions } from './admin-schema.ts'
import { AuthorityCrlOptions, AuthorityOcspOptions, AuthorityOptions } from './authority-schema.ts'
import { EstOptions } from './est-schema.ts'
import { OidcOptions } from './oidc-schema.ts'
import { choice, duration, flag, texts } from './option.ts'
import { ProfileOptions } from './profile-schema.ts'
import { TracingOptions } from './tracing-schema.ts'
import { NoticeOptions, WebhookOptions } from './webhook-schema.ts'

/** A letter first, so that no name is taken for a number or an option. */
const PROFILE_NAME = '^[a-z][a-z0-9-]{0,62}$'

const AUTHORITY_ID = '^[a-z0-9][a-z0-9-]{0,62}$'

const port = (name: string, number: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65535, default: number, env: name, description })

const connections = (most: number, description: string) =>
  Type.Integer({ minimum: 16, maximum: 1_000_000, default: most, description })

/**
 * Every option of the configuration file, `chancery.yaml` in the data directory: its type, its check, its default
 * and its line in docs/configuration.md all come from here.
 */
export const FileOptions = Type.Object({
  host: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    env: 'CHANCERY_HOST',
    description:
      'The address that both listeners bind to; `0.0.0.0` or `::` for every interface. `localhost` is `127.0.0.1`.',
  }),
  tlsPort: port('CHANCERY_TLS_PORT', 8443, 'Port of the TLS listener: enrolment, administration.'),
  httpPort: port(
    'CHANCERY_HTTP_PORT',
    8080,
    'Port of the plain listener: OCSP, CRLs, trust bundles, health.',
  ),
  workers: Type.Integer({
    minimum: 0,
    maximum: 64,
    default: 0,
    env: 'CHANCERY_WORKERS',
    description:
      'Threads that serve the plain listener beside the main one; 0: the main thread serves it. For when OCSP alone keeps the main thread busy, or must not slow down issuance: 1 takes it away from there, more spread it over the cores. Each keeps a copy of the cached responses in memory. Needs a system that spreads connections over sockets (Linux, FreeBSD).',
  }),
  publicUrl: Type.Optional(
    Type.String({
      env: 'CHANCERY_PUBLIC_URL',
      description:
        'Base of the OCSP, CRL and issuer addresses inside certificates, as relying parties reach the plain listener: `http://`, since a client that checks a certificate cannot do so over TLS. Absent: `http://localhost:<httpPort>`. Certificates already issued keep the old one.',
    }),
  ),
  defaultProfile: Type.String({
    default: 'server',
    description: 'The profile where a request names none.',
  }),
  tls: Type.Object(
    {
      names: texts({
        pattern: '^[\\x21-\\x7e]+$',
        default: [],
        wanted: 'a DNS name or an IP address',
        description:
          'Names in the service’s own certificate beside `localhost`, the host name, `127.0.0.1` and `::1`.',
      }),
      validity: duration({
        default: '30d',
        minimum: 600,
        description: 'Life of the service’s own certificate, which renews itself.',
      }),
      chain: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'As `chain` of a profile, for the service’s own certificate.',
        }),
      ),
      minVersion: choice(['TLSv1.2', 'TLSv1.3'], {
        default: 'TLSv1.2',
        description: 'The oldest TLS version that is spoken.',
      }),
    },
    { default: {} },
  ),
  log: Type.Object(
    {
      level: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
        default: 'info',
        env: 'CHANCERY_LOG_LEVEL',
        description: 'What is logged, as JSON lines on standard error.',
      }),
    },
    { default: {} },
  ),
  metrics: Type.Object(
    {
      port: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 65535,
          env: 'CHANCERY_METRICS_PORT',
          description:
            'Port of a listener for `/metrics`, `/healthz` and `/readyz` alone, to anybody who reaches it. Absent: none; the TLS listener has `/metrics` for admins in any case.',
        }),
      ),
      host: Type.String({
        default: '127.0.0.1',
        minLength: 1,
        env: 'CHANCERY_METRICS_HOST',
        description: 'The address that this listener binds to.',
      }),
      public: flag({
        default: false,
        description: 'Whether the plain listener, too, shows `/metrics` to anybody.',
      }),
    },
    { default: {} },
  ),
  limits: Type.Object(
    {
      queue: Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 4096,
        description: 'Writes that may wait for the disk; beyond it callers get 503 with Retry-After.',
      }),
      requests: Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 1024,
        description:
          'Requests that may wait for their turn: so many enrolments, so many revocations and so many that only read. Beyond it callers get 503 with Retry-After. OCSP, CRLs, bundles and health do not wait.',
      }),
      wait: Type.Integer({
        minimum: 1,
        maximum: 60_000,
        default: 2000,
        description:
          'Milliseconds that such a request may wait. Longer means that more comes than can be served: it gets 503 with Retry-After, and so do others until the wait is shorter again.',
      }),
      idempotencyKeys: duration({
        default: '30d',
        minimum: 86_400,
        description:
          'For how long an `Idempotency-Key` counts after the certificate that it gave. Beyond it the same key is that of a new request.',
      }),
      httpConnections: connections(
        16_384,
        'Connections of the plain listener, some 11 KB each. Beyond it the one that has been idle for the longest is closed.',
      ),
      tlsConnections: connections(4096, 'The same of the TLS listener, some 63 KB each.'),
    },
    { default: {} },
  ),
  console: ConsoleOptions,
  audit: Type.Object(
    {
      headInterval: duration({
        default: '1h',
        minimum: 60,
        description:
          'How often the newest hash of the audit log is signed, where there are new rows. What was signed cannot be rewritten without a trace: see docs/operators.md.',
      }),
    },
    { default: {} },
  ),
  admins: AdminCertificates,
  oidc: OidcOptions,
  ocsp: Type.Object(
    {
      ...AuthorityOcspOptions.properties,
      cacheEntries: Type.Integer({
        minimum: 0,
        maximum: 10_000_000,
        default: 100_000,
        description:
          'Signed OCSP responses kept in memory: some 1.6 KB each, and 0.4 KB for each form of request that it is asked for in (GET, POST).',
      }),
      uncachedRate: Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 500,
        description:
          'Signatures a second for answers that no cache can hold: with a nonce, about several certificates, or about a serial number that was never issued. Beyond it a nonce is left out, and the others get tryLater.',
      }),
    },
    { default: {} },
  ),
  crl: Type.Object(AuthorityCrlOptions.properties, { default: {} }),
  authorities: Type.Record(Type.String({ pattern: AUTHORITY_ID }), AuthorityOptions, {
    default: {},
    description: 'Options of one authority, which go before `ocsp` and `crl`.',
  }),
  rollover: Type.Object(
    {
      propagation: duration({
        default: '24h',
        minimum: 0,
        description:
          'How long bundles must have held the certificate of a new authority, and of its root, before it may issue: as long as the slowest of your consumers takes to fetch them.',
      }),
    },
    { default: {} },
  ),
  approvals: Type.Object(
    {
      validity: duration({
        default: '7d',
        minimum: 60,
        description: 'For how long a request waits for approval; then it expires, and may be made again.',
      }),
      retryAfter: duration({
        default: '1m',
        description: 'After how long a caller whose request waits is told to ask again.',
      }),
      pendingPerCaller: Type.Integer({
        minimum: 1,
        maximum: 100_000,
        default: 100,
        description: 'Undecided requests that one caller may have; beyond it 429.',
      }),
    },
    { default: {} },
  ),
  acme: AcmeOptions,
  est: EstOptions,
  sds: Type.Object(
    {
      clients: texts({
        pattern: '^(dns|ip|email|uri):[\\x21-\\x7e]+$',
        default: [],
        wanted: 'a name with its kind, such as "dns:edge.example.test"',
        description:
          'Whoever shows a valid certificate with one of these names may fetch every certificate’s chain and staple over Envoy’s SDS; all others only those of their own names.',
      }),
    },
    { default: {} },
  ),
  tracing: TracingOptions,
  webhooks: Type.Array(WebhookOptions, { default: [] }),
  notices: NoticeOptions,
  profiles: Type.Record(Type.String({ pattern: PROFILE_NAME }), ProfileOptions, {
    default: {},
    description: 'Profiles by name. One with the name of a built-in profile changes only the keys it gives.',
  }),
})
export type FileOptions = StaticDecode<typeof FileOptions>
