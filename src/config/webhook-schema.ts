import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'
import { choices, duration } from './option.ts'

/** The order is that of the documentation; the store has the same list, and a test compares them. */
export const WEBHOOK_EVENTS = [
  'certificate.issued',
  'certificate.revoked',
  'certificate.held',
  'certificate.released',
  'certificate.expiring',
  'authority.expiring',
  'crl.expiring',
  'request.pending',
] as const

/** One receiver of notices. */
export const WebhookOptions = Type.Object({
  url: Type.String({
    default: '',
    pattern: '^https?://[\\x21-\\x7e]+$',
    wanted: 'an https:// address',
    description:
      'Where notices are posted, over `https://`; `http://` only to this machine itself. Link-local and cloud metadata addresses are never contacted, and redirects are not followed.',
  }),
  name: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9][a-z0-9.-]{0,62}$',
      wanted: 'a name of lower-case letters, digits, dots and hyphens',
      description:
        'What logs and metrics call it, and what its waiting notices are kept under. Absent: the host in `url`.',
    }),
  ),
  secretFile: Type.String({
    default: '',
    minLength: 1,
    description:
      'File with the secret that signs, `whsec_` and 24 to 64 octets in base64, which only the owner and the group may read; relative to the data directory. A second line is a second secret, with which everything is signed too.',
  }),
  caFile: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'PEM file of the roots to trust instead of those of the system; relative to the data directory (`root.pem` is this CA’s own).',
    }),
  ),
  events: choices(WEBHOOK_EVENTS, {
    default: WEBHOOK_EVENTS,
    minItems: 1,
    description: 'What it is told of.',
  }),
})
export type WebhookOptions = StaticDecode<typeof WebhookOptions>

/** Of all webhooks. */
export const NoticeOptions = Type.Object(
  {
    certificates: duration({
      default: '7d',
      description:
        'How long before its end `certificate.expiring` tells of a certificate that nobody has renewed; never before the last quarter of its life.',
    }),
    authorities: duration({
      default: '90d',
      description: 'How long before its end `authority.expiring` tells of an authority.',
    }),
    crls: duration({
      default: '14d',
      description:
        'How long before its end `crl.expiring` tells of a CRL that this service cannot renew, since the key is elsewhere.',
    }),
    retryFor: duration({
      default: '3d',
      minimum: 60,
      description: 'For how long a notice that was not taken is tried again.',
    }),
    queue: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 10_000,
      description: 'Notices that may wait for one webhook; more are dropped, and counted.',
    }),
  },
  { default: {} },
)
