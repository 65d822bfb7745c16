import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'
import type { Frozen } from './freeze.ts'
import { choice, choices, duration, texts } from './option.ts'

const text = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description }))

/** Sign-in by somebody else's word: OpenID Connect. Absent: none. */
export const OidcOptions = Type.Optional(
  Type.Object({
    issuer: text('The OpenID provider, as it names itself: `https://login.example.test/realms/main`.'),
    clientId: text('The name under which the provider knows the service.'),
    clientSecretFile: text(
      'A file with the secret for it, relative to the data directory. Absent: a public client, with PKCE alone.',
    ),
    callback: text(
      'Where the provider sends people back to, as it is registered there: `https://ca.example.test:8443/v1/session/oidc/callback`.',
    ),
    audience: text(
      'The audience of access tokens that may be shown as bearer in the place of an admin key; not `clientId`, which is the audience of ID tokens. Absent: none may.',
    ),
    scopes: texts({
      pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$',
      default: ['openid', 'email', 'profile'],
      wanted: 'a scope',
      description: 'What is asked for at sign-in.',
    }),
    nameClaim: Type.String({
      default: 'email',
      minLength: 1,
      description: 'The claim that the console shows as the name. The audit log names people by `sub`.',
    }),
    roleClaim: Type.String({
      default: 'groups',
      minLength: 1,
      description:
        'The claim whose values give roles: a text, or a list of texts. An `email` counts with `email_verified` alone.',
    }),
    roles: Type.Record(
      Type.String({ pattern: '^[^]{1,200}$' }),
      choice(['admin', 'operator', 'auditor'], {
        description: 'The role that this value of the claim gives. Nobody gets in without one.',
      }),
      { default: {} },
    ),
    session: duration({
      default: '2h',
      minimum: 60,
      description:
        'After how long since its sign-in a session of the console ends that the provider vouched for, 12 hours at most: for so long somebody whom it has removed may stay. `console.session` counts as well.',
    }),
    algorithms: choices(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'], {
      default: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      minItems: 1,
      description: 'The signatures of the provider that are taken.',
    }),
  }),
)
export type OidcOptions = Frozen<NonNullable<StaticDecode<typeof OidcOptions>>>

/** What must be there, and where plain HTTP will do. */
export function oidcContradictions(oidc: OidcOptions | undefined): string[] {
  if (!oidc) return []
  const found = (['issuer', 'clientId', 'callback'] as const)
    .filter((key) => oidc[key] === undefined)
    .map((key) => `oidc.${key} is missing.`)
  if (oidc.issuer !== undefined && !isSafe(oidc.issuer))
    found.push(
      'oidc.issuer must be an https:// address without user name, query and fragment; http:// is taken on this machine alone.',
    )
  if (oidc.callback !== undefined && !/^https:\/\/[^?#]+\/v1\/session\/oidc\/callback$/.test(oidc.callback))
    found.push('oidc.callback must be an https:// address that ends in /v1/session/oidc/callback.')
  // RFC 8725 3.12: an ID token is shown to whoever signs somebody in, and must open nothing else.
  if (oidc.audience !== undefined && oidc.audience === oidc.clientId)
    found.push('oidc.audience must not be oidc.clientId: ID tokens would be taken for access tokens.')
  if (Object.keys(oidc.roles).length === 0) found.push('oidc.roles is empty: nobody could sign in.')
  if (!oidc.scopes.includes('openid')) found.push('oidc.scopes must have "openid".')
  return found
}

/** Whether what is fetched there is what the provider gave; an issuer has no more parts (OpenID Connect Discovery 1.0, 3). */
function isSafe(address: string): boolean {
  const url = URL.parse(address)
  if (!url || url.username || url.password || /[?#]/.test(address)) return false
  const { protocol, hostname } = url
  return (
    protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname))
  )
}
