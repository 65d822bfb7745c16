import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'
import { choice, duration } from './option.ts'

/** A client certificate of this CA whose holder has a role, as if by an admin key. */
const AdminCertificate = Type.Object({
  role: choice(['admin', 'operator', 'auditor'], {
    default: 'auditor',
    description:
      'What the holders of such certificates may do over REST, as those of admin keys: see docs/operators.md.',
  }),
  san: Type.Optional(
    Type.String({
      pattern: '^(dns|ip|email|uri):[\\x21-\\x7e]+$',
      wanted: 'a name with its kind, such as "email:ada@example.test"',
      description:
        'A name that the certificate must have. Mind who else may enrol one with it: give `profile` as well.',
    }),
  ),
  subject: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1000,
      description: 'The subject that it must have, as the inventory shows it: `CN=Ada,O=Example`.',
    }),
  ),
  fingerprint: Type.Optional(
    Type.String({
      pattern: '^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$',
      wanted: 'a SHA-256 in hexadecimal, with or without colons',
      description: 'The SHA-256 of the one certificate.',
    }),
  ),
  profile: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'The profile that it must have been issued by.',
    }),
  ),
})

export const AdminCertificates = Type.Array(AdminCertificate, { default: [] })
export type AdminCertificates = StaticDecode<typeof AdminCertificates>

export const ConsoleOptions = Type.Object(
  {
    session: duration({
      default: '30m',
      minimum: 60,
      description:
        'After how long without a request a session of the console ends; each ends 12 hours after its sign-in in any case, or `oidc.session` after one by an OpenID provider.',
    }),
  },
  { default: {} },
)

/** What each option allows by itself, and all together do not. */
export function adminContradictions(
  admins: readonly Readonly<Record<string, unknown>>[],
  profiles: Readonly<Record<string, unknown>>,
): string[] {
  return admins.flatMap(({ san, subject, fingerprint, profile }, index) => [
    ...(san === undefined && subject === undefined && fingerprint === undefined
      ? [`admins[${index}] says of no certificate: give san, subject or fingerprint.`]
      : []),
    ...(typeof profile === 'string' && !Object.hasOwn(profiles, profile)
      ? [`admins[${index}].profile: there is no profile "${profile}".`]
      : []),
  ])
}
