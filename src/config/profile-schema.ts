import type { StaticDecode } from 'typebox'
import type { NameAttribute } from '../pki/distinguished-name.ts'
import { KEY_TYPES } from '../pki/keys/algorithms.ts'
import { NAME_TYPES } from '../pki/names/san.ts'
import Type from '../schema/build.ts'
import type { Frozen } from './freeze.ts'
import { choice, choices, duration, flag, texts } from './option.ts'

/**
 * RFC 5280 4.2.1.3, without keyCertSign and cRLSign: a profile makes end-entity certificates, and cA FALSE
 * with keyCertSign is forbidden there.
 */
const LEAF_KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'encipherOnly',
  'decipherOnly',
] as const

/** Names of RFC 5280 4.2.1.12 that a profile may use; OCSPSigning is left out, see `checkProfile`. */
const KEY_PURPOSES = ['serverAuth', 'clientAuth', 'codeSigning', 'emailProtection', 'timeStamping'] as const

const OID = '[0-2](\\.(0|[1-9][0-9]*))+'
const DOMAIN = '^\\.?[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$'

const ValidityOptions = Type.Object({
  default: duration({ description: 'Life of a certificate where the request asks for none.' }),
  maximum: duration({ description: 'The longest life that may be asked for.' }),
  backdate: duration({
    default: '60s',
    minimum: 0,
    description: 'How far notBefore lies in the past, for clients whose clocks are slow.',
  }),
})

const NameOptions = Type.Object({
  types: choices(NAME_TYPES, { minItems: 1, description: 'The kinds of subjectAltName that are certified.' }),
  required: choices(NAME_TYPES, {
    default: [],
    description: 'Kinds of which a request must have at least one.',
  }),
  maximum: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 100,
    description: 'The most names in one certificate.',
  }),
  dns: Type.Object(
    {
      suffixes: Type.Optional(
        texts({
          pattern: DOMAIN,
          minItems: 1,
          wanted: 'a DNS name such as "example.test"',
          description: 'DNS names must equal one of these or end in one, label by label. Absent: any.',
        }),
      ),
      wildcards: flag({ default: false, description: 'Whether the left-most label may be "*".' }),
    },
    { default: {} },
  ),
  ip: Type.Object(
    {
      networks: Type.Optional(
        texts({
          pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$',
          minItems: 1,
          wanted: 'a network such as "10.0.0.0/8" or "fd00::/8"',
          description: 'Addresses must lie in one of these networks. Absent: any.',
        }),
      ),
    },
    { default: {} },
  ),
  email: Type.Object(
    {
      domains: Type.Optional(
        texts({
          pattern: DOMAIN,
          minItems: 1,
          wanted: 'a DNS name such as "example.test"',
          description: 'The part after the "@" must be one of these. Absent: any.',
        }),
      ),
    },
    { default: {} },
  ),
  uri: Type.Object(
    {
      patterns: Type.Optional(
        texts({
          pattern: '^[A-Za-z][A-Za-z0-9+.-]*:[\\x21-\\x7e]+$',
          minItems: 1,
          wanted: 'a URI pattern such as "spiffe://example.test/ns/*/sa/*"',
          description:
            'URIs must match one of these whole: `*` stands for one or more characters but never for "/", `**` for any. Absent: any.',
        }),
      ),
      single: flag({
        default: false,
        description: 'Whether one URI is the most (an X.509-SVID has exactly one).',
      }),
    },
    { default: {} },
  ),
})

const attribute = (description: string, maxLength: number) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }))

/** Upper bounds: RFC 5280 A.1. */
const SubjectOptions = Type.Object(
  {
    country: Type.Optional(
      Type.String({ pattern: '^[A-Z]{2}$', wanted: 'two capital letters (ISO 3166)', description: 'C.' }),
    ),
    state: attribute('ST.', 128),
    locality: attribute('L.', 128),
    organization: attribute('O.', 64),
    organizationalUnit: attribute('OU.', 64),
  },
  { default: {} },
)

/** One profile as the file gives it. Decoded, merged with what it extends and completed it becomes a `Profile`. */
export const ProfileOptions = Type.Object({
  extends: Type.Optional(
    Type.String({ description: 'The profile that gives every key which is not given here.' }),
  ),
  description: Type.String({ default: '', maxLength: 500, description: 'For people.' }),
  keyUsage: choices(LEAF_KEY_USAGES, { minItems: 1, description: 'Key usage (RFC 5280 4.2.1.3), critical.' }),
  extendedKeyUsage: texts({
    pattern: `^(${KEY_PURPOSES.join('|')}|${OID})$`,
    wanted: `one of ${KEY_PURPOSES.join(', ')}, or an object identifier`,
    description: 'Extended key usage, by name or object identifier. Empty: the extension is left out.',
  }),
  validity: ValidityOptions,
  keyTypes: choices(KEY_TYPES, { minItems: 1, description: 'The kinds of key that are certified.' }),
  names: NameOptions,
  commonName: choice(['san', 'none', 'refuse'], {
    default: 'san',
    description:
      'What happens to a common name in the CSR. `san`: kept if it is also a subjectAltName, else dropped; `none`: always dropped; `refuse`: one that is not a subjectAltName is refused.',
  }),
  subject: SubjectOptions,
  extensions: choice(['ignore', 'refuse'], {
    default: 'ignore',
    description: 'What happens to extensions in the CSR other than subjectAltName; they are never copied.',
  }),
  mustStaple: flag({
    default: false,
    description:
      'TLS feature status_request (RFC 7633). A server that cannot staple then fails its handshakes.',
  }),
  policies: texts({
    pattern: `^${OID}$`,
    default: [],
    wanted: 'an object identifier such as "2.23.140.1.2.1"',
    description: 'Certificate policies.',
  }),
  crlDistributionPoint: flag({
    default: true,
    description: 'Whether the certificate says where its CRL is.',
  }),
  authorityInformation: flag({
    default: true,
    description: 'Whether the certificate says where its OCSP responder and its issuer’s certificate are.',
  }),
  noRevocation: flag({
    default: false,
    description:
      'noRevAvail (RFC 9608), for lives so short that revocation makes no sense: no CRL distribution point and no OCSP address.',
  }),
  authority: Type.Optional(
    Type.String({ minLength: 1, description: 'The authority that issues. Absent: the default one.' }),
  ),
  chain: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'The root, by its id, up to which the chain that is sent with a certificate leads, where cross-certificates lead to several. Absent, or no such way: the authority’s own.',
    }),
  ),
  renewal: flag({ default: true, description: 'Whether a certificate may renew itself over mutual TLS.' }),
  approval: choice(['none', 'enrol', 'always'], {
    default: 'none',
    description:
      'Whether an admin must approve what others ask for. `enrol`: new certificates, and renewals by a token; `always`: those of certificates that renew themselves as well.',
  }),
})
export type ProfileOptions = StaticDecode<typeof ProfileOptions>

/** A profile ready for use: complete, durations in seconds, `subject` in encoding order. */
export type Profile = Frozen<
  Omit<ProfileOptions, 'extends' | 'subject'> & { name: string; subject: NameAttribute[] }
>
