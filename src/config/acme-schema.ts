import Type from '../schema/build.ts'
import { choices, duration, flag, texts } from './option.ts'

/** Challenges that are offered for DNS names; those that can prove an IP address are offered for it as well. */
export const CHALLENGE_TYPES = [
  'http-01',
  'dns-01',
  'tls-alpn-01',
  'dns-account-01',
  'dns-persist-01',
] as const

const NETWORK = '^[0-9A-Fa-f.:]+/[0-9]{1,3}$'
const DOMAIN = '^[a-z0-9-]+(\\.[a-z0-9-]+)*$'
const URL = '^https?://[\\x21-\\x7e]+$'

const port = (number: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 65535, default: number, description })
const perHour = (description: string) =>
  Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description: `${description} 0: no limit.` })

const ValidationOptions = Type.Object(
  {
    httpPort: port(80, 'Where http-01 is answered.'),
    tlsPort: port(443, 'Where tls-alpn-01 is answered.'),
    resolvers: texts({
      pattern: '^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+)(:[0-9]{1,5})?$',
      default: [],
      wanted: 'an address such as "10.0.0.53", "10.0.0.53:5353" or "[fd00::53]:53"',
      description:
        'DNS servers to ask, in this order. None: those of the machine, and its hosts file, without its search domains.',
    }),
    searchDomains: texts({
      pattern: DOMAIN,
      default: [],
      wanted: 'a domain such as "cluster.local"',
      description:
        'Where a name that has no address by itself is looked up as well, in this order: in Kubernetes "cluster.local" for "web.default.svc". Whoever has a name below one of them can prove what stands before it.',
    }),
    timeout: duration({ default: '10s', description: 'For one attempt, redirects included.' }),
    patience: duration({
      default: '15s',
      minimum: 0,
      description:
        'For how long an answer that is not there yet is tried again, after 1, 2, 4, 8 and then each 15 seconds; attempts themselves do not count.',
    }),
    concurrency: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 32,
      description:
        'Challenges that are looked at at once, and as many names whose CAA is asked for again at finalize; others wait.',
    }),
    deniedNetworks: texts({
      pattern: NETWORK,
      default: [],
      wanted: 'a network such as "10.0.0.0/8" or "fd00::/8"',
      description: 'Networks that are never contacted, beside link-local and cloud metadata addresses.',
    }),
    allowedNetworks: texts({
      pattern: NETWORK,
      default: [],
      wanted: 'a network such as "10.0.0.0/8" or "fd00::/8"',
      description: 'Exceptions from those that are never contacted.',
    }),
  },
  { default: {} },
)

const LimitOptions = Type.Object(
  {
    accountsPerAddress: perHour(
      'New accounts that one address may make in an hour, and as many changes of their keys.',
    ),
    ordersPerAccount: perHour('New orders of one account in an hour.'),
    ordersPerName: perHour(
      'New orders for one name in an hour, of all accounts together: who may have an account can use it up for a name of somebody else.',
    ),
    failuresPerName: perHour('Failed validations of one account for one name in an hour.'),
  },
  { default: {} },
)

/** ACME (RFC 8555). */
export const AcmeOptions = Type.Object(
  {
    enabled: flag({ default: true, description: 'Whether ACME is spoken.' }),
    url: Type.Optional(
      Type.String({
        pattern: '^https://[^/?#\\s]+$',
        wanted: 'an https:// address without a path, such as "https://ca.example.test:8443"',
        description:
          'Base of the addresses that clients are told, as they reach the TLS listener. Absent: the Host that a client used, where it is one of the service’s names.',
      }),
    ),
    profiles: texts({
      pattern: '^[a-z][a-z0-9-]{0,62}$',
      default: ['server'],
      minItems: 1,
      wanted: 'the name of a profile',
      description: 'The profiles that may be ordered; the first where an order names none.',
    }),
    challenges: choices(CHALLENGE_TYPES, {
      default: ['http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01'],
      minItems: 1,
      description: 'The challenges that are offered.',
    }),
    externalAccountRequired: flag({
      default: false,
      description: 'Whether new accounts need a key made by an admin (`chancery acme eab create`).',
    }),
    termsOfService: Type.Optional(
      Type.String({
        pattern: URL,
        wanted: 'an address such as "https://ca.example.test/terms"',
        description: 'Address of terms that a new account must agree to.',
      }),
    ),
    website: Type.Optional(
      Type.String({
        pattern: URL,
        wanted: 'an address such as "https://ca.example.test"',
        description: 'Address of a page for people, for the directory.',
      }),
    ),
    caaIdentities: texts({
      pattern: DOMAIN,
      default: [],
      wanted: 'a DNS name such as "ca.example.test"',
      description: 'Names by which CAA and dns-persist-01 records mean this CA.',
    }),
    plainAccountUrls: flag({
      default: false,
      description:
        'Whether dns-persist-01 also takes the account’s own URL, as clients of its drafts up to -01 write it. It says nothing of the account’s key.',
    }),
    caa: flag({
      default: false,
      description:
        'Whether CAA records are obeyed (RFC 8659, RFC 8657). It needs `acme.caaIdentities`; names that DNS does not know have none.',
    }),
    orderValidity: duration({
      default: '1d',
      minimum: 60,
      description: 'For how long an order and its authorizations may stay open.',
    }),
    authorizationValidity: duration({
      default: '30d',
      minimum: 60,
      description: 'For how long a name stays proven for the account that proved it.',
    }),
    reuseAuthorizations: flag({
      default: true,
      description:
        'Whether a name that is still proven counts for further orders. If not, there is no pre-authorisation (newAuthz) either.',
    }),
    validation: ValidationOptions,
    limits: LimitOptions,
  },
  { default: {} },
)
