import type { StaticDecode } from 'typebox'
import { choice, choices, type Documented, duration, flag, texts } from '../config/option.ts'
import { TLS_KEY_TYPES } from '../pki/keys/algorithms.ts'
import Type from '../schema/build.ts'

/** What can change on disk, and what a consumer is told of. */
export const PARTS = ['certificate', 'staple', 'crls', 'roots'] as const
export type Part = (typeof PARTS)[number]

const text = (options: Documented & { pattern?: string; default?: string }) =>
  Type.String({ minLength: 1, ...options })
const path = (description: string) =>
  text({ pattern: '^/', wanted: 'an absolute path, such as "/etc/nginx/tls"', description })
const fileName = (description: string) =>
  Type.Optional(
    text({
      pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$',
      wanted: 'the name of a file in `directory`, without a slash',
      description,
    }),
  )
const command = (description: string) =>
  Type.Array(Type.String({ minLength: 1, wanted: 'a word of the command' }), { minItems: 1, description })

const Files = Type.Object({
  key: fileName('The private key, PKCS #8, PEM.'),
  certificate: fileName('The certificate alone, PEM.'),
  chain: fileName('The intermediates, PEM.'),
  fullchain: fileName('The certificate and its intermediates, PEM: what nginx, Apache and most others want.'),
  combined: fileName('Certificate, intermediates and key in one file, as HAProxy wants it.'),
  staple: fileName('The OCSP response, DER. For HAProxy the name of `combined` with `.ocsp` behind it.'),
  crls: fileName('A current CRL of every CA of the bundle, PEM.'),
  roots: fileName('The roots of the bundle, PEM.'),
  envoyCertificate: fileName('An SDS secret with certificate, staple and the place of the key.'),
  envoyTrust: fileName('An SDS secret with roots and CRLs.'),
})

const Notification = Type.Object({
  command: Type.Optional(
    command('Is run, without a shell: a list of words. `CHANCERY_CHANGED` says which parts changed.'),
  ),
  signal: Type.Optional(
    choice(['HUP', 'USR1', 'USR2', 'TERM', 'INT'], {
      description: 'Is sent to the process in `pidFile` or to the main process of `unit`.',
    }),
  ),
  pidFile: Type.Optional(path('A file whose first line is the process id, for `signal`.')),
  unit: Type.Optional(
    text({ pattern: '^[A-Za-z0-9:_.@-]+$', wanted: 'a unit of systemd', description: 'For `signal`.' }),
  ),
  haproxy: Type.Optional(
    text({
      wanted: 'a path, or host:port',
      description: 'HAProxy’s run-time socket, of level admin: what changed goes into the running process.',
    }),
  ),
  certificateName: Type.Optional(
    path('The file as HAProxy’s configuration names it. Absent: `combined` in `directory`.'),
  ),
  crlsName: Type.Optional(path('The same for the CRLs. Absent: `crls` in `directory`.')),
  rootsName: Type.Optional(path('The same for the roots. Absent: `roots` in `directory`.')),
  reload: Type.Optional(command('Is run where HAProxy cannot take something over its socket.')),
  timeout: duration({ default: '30s', description: 'How long a command may take; then it is killed.' }),
  on: choices(PARTS, {
    default: PARTS,
    minItems: 1,
    description: 'Which changes it is told of.',
  }),
})

export const CertificateOptions = Type.Object({
  names: texts({
    pattern: '^[\\x21-\\x7e]+$',
    minItems: 1,
    wanted: 'a DNS name, an IP address, a URI or an e-mail address',
    description: 'What the certificate is for. Required.',
  }),
  commonName: Type.Optional(text({ description: 'Common name; it must be one of the names.' })),
  profile: Type.Optional(text({ description: 'The profile. Absent: that of the token.' })),
  authority: Type.Optional(text({ description: 'The authority that issues. Absent: that of the profile.' })),
  validity: Type.Optional(duration({ description: 'The life to ask for. Absent: that of the profile.' })),
  keyType: choice(TLS_KEY_TYPES, { default: 'P-256', description: 'The kind of key.' }),
  reuseKey: flag({ default: false, description: 'Whether a renewal keeps the key. A new one is safer.' }),
  token: Type.Object(
    {
      file: Type.Optional(path('A file with the enrolment token, which others may not read.')),
      environment: Type.Optional(
        text({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$', description: 'A variable that holds it.' }),
      ),
      credential: Type.Optional(
        text({
          pattern: '^[A-Za-z0-9_.-]+$',
          wanted: 'the name of a credential',
          description: 'A credential of systemd (`LoadCredential=`) that holds it.',
        }),
      ),
    },
    { default: {} },
  ),
  directory: path('Where the files are. They change as one. Required.'),
  files: Files,
  bundle: text({
    default: 'roots',
    pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
    wanted: '"roots" or an authority’s id',
    description: 'Which roots and CRLs: all, or those of one authority.',
  }),
  envoyCertificateName: text({
    default: 'server',
    description: 'The secret’s name in Envoy’s configuration.',
  }),
  envoyTrustName: text({ default: 'peers', description: 'The same for the secret with roots and CRLs.' }),
  owner: Type.Optional(text({ description: 'Who owns the files, by name or number. Absent: the agent.' })),
  group: Type.Optional(text({ description: 'Their group.' })),
  mode: Type.Optional(
    text({
      pattern: '^0?[0-7]{2}0$',
      wanted: 'an octal mode in quotes that gives others nothing, such as "0640"',
      description:
        'Mode of the files with the key. Absent: `0600`, with a `group` `0640`. The others have 0644.',
    }),
  ),
  notify: Type.Array(Notification, { default: [] }),
})

/** Every option of `agent.yaml`: its type, its check, its default and its line in docs/agent.md. */
export const AgentOptions = Type.Object({
  services: texts({
    pattern: '^https://[^/?#@]+/?$',
    minItems: 1,
    wanted: 'an address such as "https://ca.example.test:8443"',
    description: 'Where the CA is; where one does not answer, the next is asked. Required.',
  }),
  trust: Type.Object(
    {
      file: Type.Optional(path('A file with the roots that prove the CA, PEM.')),
      fingerprint: Type.Optional(
        text({
          pattern: '^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
          wanted: 'a SHA-256 in hexadecimal digits, with or without colons',
          description: 'Instead: the SHA-256 of the root, which is then fetched, compared and kept.',
        }),
      ),
      follow: flag({
        default: true,
        description:
          'Whether roots that the CA publishes in its bundle prove it as well: so it can roll over.',
      }),
    },
    { default: {} },
  ),
  state: text({
    pattern: '^/',
    wanted: 'an absolute path',
    default: '/var/lib/chancery-agent',
    description:
      'The agent’s own directory, for its owner alone: keys, and what it must know after a restart.',
  }),
  refresh: duration({
    default: '1h',
    description:
      'How old a staple, a CRL or a bundle may become before it is fetched again; sooner where half its time is over.',
  }),
  log: Type.Object(
    {
      level: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
        default: 'info',
        description: 'What is logged, as JSON lines on standard error.',
      }),
    },
    { default: {} },
  ),
  listen: Type.Optional(
    Type.Object({
      host: text({ default: '127.0.0.1', description: 'Address for `/healthz` and `/metrics`.' }),
      port: Type.Integer({
        minimum: 0,
        maximum: 65535,
        default: 9443,
        description: 'Its port. Without `listen` nothing listens.',
      }),
    }),
  ),
  certificates: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }), CertificateOptions, {
    description: 'By a name of your own, which logs and metrics have.',
  }),
})
export type AgentOptions = StaticDecode<typeof AgentOptions>
export type NotificationOptions = StaticDecode<typeof Notification>
export type CertificateOptions = StaticDecode<typeof CertificateOptions>
