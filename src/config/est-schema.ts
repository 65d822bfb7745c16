import type { StaticDecode } from 'typebox'
import Type from '../schema/build.ts'
import { choice, choices, flag, texts } from './option.ts'

/** Options of one label, and of the addresses without one. */
const LabelOptions = {
  profile: Type.Optional(
    Type.String({ minLength: 1, description: 'The profile of what is enrolled. Absent: `defaultProfile`.' }),
  ),
  authority: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'The authority whose chain `cacerts` gives, and which issues where the profile names none.',
    }),
  ),
  auth: choices(['certificate', 'basic', 'token'], {
    default: ['certificate', 'basic', 'token'],
    minItems: 1,
    description:
      'Who may enrol: the holder of a `certificate` of this CA or of a trust anchor, an EST user with a password (`basic`), or an enrolment `token` as the password.',
  }),
  trustAnchors: texts({
    pattern: '^.+$',
    default: [],
    wanted: 'the path of a PEM file',
    description:
      'Files, relative to the data directory, of CA certificates whose holders may enrol: those of a device’s manufacturer, say.',
  }),
  names: texts({
    pattern: '^[A-Za-z0-9.:/-]+$',
    default: [],
    wanted: 'a domain such as "example.test", an address, or a network such as "10.0.0.0/8"',
    description:
      'What holders of certificates and EST users may enrol: a domain stands for itself and all below it. None: only the names that are in their own certificate, under the profile that it has.',
  }),
  channelBinding: choice(['required', 'allowed', 'ignored'], {
    default: 'allowed',
    description:
      'Whether a CSR must be bound to its TLS connection (RFC 7030 3.5). `allowed`: one with a challenge password must have the right one.',
  }),
  changeNames: flag({
    default: false,
    description:
      'Whether a re-enrolment may change subject and names (ChangeSubjectName), within what the label allows.',
  }),
  csrAttributes: choice(['attributes', 'template'], {
    default: 'attributes',
    description:
      'Form of `csrattrs`: the attributes of RFC 7030, or the template of RFC 9908, which says more and which few clients know.',
  }),
  serverKeys: flag({ default: true, description: 'Whether `serverkeygen` makes keys for clients.' }),
  lineLength: Type.Integer({
    minimum: 0,
    maximum: 76,
    default: 0,
    description: 'Characters of a line of base64 in answers. 0: one line; libest wants 64.',
  }),
}

export const EstLabelOptions = Type.Object(LabelOptions)
export type EstLabelOptions = StaticDecode<typeof EstLabelOptions>

/** EST (RFC 7030). */
export const EstOptions = Type.Object(
  {
    enabled: flag({ default: true, description: 'Whether EST is spoken.' }),
    ...LabelOptions,
    labels: Type.Record(
      Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
      Type.Partial(EstLabelOptions),
      {
        default: {},
        description: 'Options of `/.well-known/est/{label}/…`, which go before those of `est` itself.',
      },
    ),
  },
  { default: {} },
)
