import Type, { type StaticDecode } from 'typebox'
import { choice, duration, texts } from './option.ts'
import { ProfileOptions } from './profile-schema.ts'

/** A letter first, so that no name is taken for a number or an option. */
const PROFILE_NAME = '^[a-z][a-z0-9-]{0,62}$'

const port = (name: string, number: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65535, default: number, env: name, description })

/**
 * Every option of the configuration file, `chancery.yaml` in the data directory: its type, its check, its default
 * and its line in docs/configuration.md all come from here.
 */
export const FileOptions = Type.Object({
  host: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    env: 'CHANCERY_HOST',
    description: 'The address that both listeners bind to; `0.0.0.0` or `::` for every interface.',
  }),
  tlsPort: port('CHANCERY_TLS_PORT', 8443, 'Port of the TLS listener: enrolment, administration.'),
  httpPort: port(
    'CHANCERY_HTTP_PORT',
    8080,
    'Port of the plain listener: OCSP, CRLs, trust bundles, health.',
  ),
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
  limits: Type.Object(
    {
      queue: Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: 4096,
        description: 'Writes that may wait for the disk; beyond it callers get 503 with Retry-After.',
      }),
    },
    { default: {} },
  ),
  ocsp: Type.Object(
    {
      validity: duration({
        default: '12h',
        // Half of it must outlast the 10 minutes that HAProxy wants to find left at any fetch.
        minimum: 1200,
        description:
          'From thisUpdate to nextUpdate of an OCSP response: also the time for which a stapled “good” outlives a revocation. HAProxy wants more than 10 minutes left at any fetch.',
      }),
      cacheEntries: Type.Integer({
        minimum: 0,
        maximum: 10_000_000,
        default: 100_000,
        description: 'Signed OCSP responses kept in memory, each some 500 bytes.',
      }),
    },
    { default: {} },
  ),
  crl: Type.Object(
    {
      validity: duration({
        default: '7d',
        minimum: 60,
        description: 'From thisUpdate to nextUpdate of a CRL.',
      }),
      refresh: duration({
        default: '1d',
        minimum: 10,
        description: 'How often a CRL is made anew without any revocation; shorter than `crl.validity`.',
      }),
    },
    { default: {} },
  ),
  profiles: Type.Record(Type.String({ pattern: PROFILE_NAME }), ProfileOptions, {
    default: {},
    description: 'Profiles by name. One with the name of a built-in profile changes only the keys it gives.',
  }),
})
export type FileOptions = StaticDecode<typeof FileOptions>
