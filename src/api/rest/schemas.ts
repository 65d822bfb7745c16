import type { Static, TLiteral, TSchema, TUnion } from 'typebox'
import { rfc3339 } from '../../clock.ts'
import { detectName, normaliseName } from '../../pki/names/normalise.ts'
import type { NameType, SubjectName } from '../../pki/names/san.ts'
import Type from '../../schema/build.ts'

/** Schemas that several addresses share. Each is a type, a check and a part of openapi.yaml at once. */

const names = (what: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), { maxItems: 1000, description: what }),
  )

export const Names = Type.Object(
  {
    dns: names('DNS names, lower-case A-labels.'),
    ip: names('IPv4 and IPv6 addresses.'),
    email: names('E-mail addresses.'),
    uri: names('URIs, SPIFFE IDs among them.'),
  },
  { additionalProperties: false, description: 'Subject alternative names by kind.' },
)
export type Names = Static<typeof Names>

/** Names that are asked for: by kind, or as a list in which the look of each tells its kind. */
export const WantedNames = Type.Union([
  Names,
  Type.Array(Type.String({ minLength: 1, maxLength: 2048 }), {
    maxItems: 1000,
    description: 'Names of any kind: "web.example.test", "192.0.2.7", "spiffe://…", "dns:web.example.test".',
  }),
])
export type WantedNames = Static<typeof WantedNames>

export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })
const DurationText = Type.String({
  minLength: 1,
  maxLength: 32,
  description: 'Such as "24h", "90d" or "1h30m".',
})
export const Duration = Type.Union([DurationText, Type.Integer({ minimum: 0, description: 'Seconds.' })])
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
/** One of these texts. */
export const oneOf = <const T extends string[]>(...values: T) =>
  Type.Union(values.map((value) => Type.Literal(value))) as unknown as TUnion<{
    [K in keyof T]: TLiteral<T[K]>
  }>
/** The number of what has no better name. */
export const IdText = Type.String({ pattern: '^[0-9]{1,15}$' })
export const IdParams = Type.Object({ id: IdText })
export const AuthorityParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 63 }) })
export const Pem = Type.String({ description: 'PEM.' })
export const SerialNumber = Type.String({ description: 'Lower-case hexadecimal.' })

export const SerialParams = Type.Object({
  serial: Type.String({
    minLength: 1,
    maxLength: 80,
    description: 'Serial number, hexadecimal; any case, colons allowed.',
  }),
})

export const ReasonName = Type.String({
  description: 'CRLReason by its RFC 5280 name, such as "keyCompromise".',
  maxLength: 40,
})

export const Revocation = Type.Object({
  revokedAt: Time,
  reason: ReasonName,
  invalidityDate: Nullable(Time),
})

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String()),
    instance: Type.Optional(
      Type.String({ description: 'Absent where the request could not be read, as with too many headers.' }),
    ),
    subproblems: Type.Optional(
      Type.Array(
        Type.Object({ type: Type.String(), detail: Type.String(), subject: Type.Optional(Type.String()) }),
      ),
    ),
  },
  { description: 'RFC 9457 problem document (application/problem+json).' },
)

const NAME_KEYS: readonly NameType[] = ['dns', 'ip', 'email', 'uri']

/** The names, each normalised, by kind or as they were listed; throws `CaError` "badName". */
export function readNames(given: WantedNames): SubjectName[] {
  if (Array.isArray(given)) return given.map(detectName)
  return NAME_KEYS.flatMap((type) => (given[type] ?? []).map((value) => normaliseName(type, value)))
}

/** A whole name as certificates have it, however it was written; "*.example.test", and what is no name, as it is. */
export function readSearchedName(text: string): string {
  if (text.startsWith('*')) return text
  try {
    return detectName(text).value
  } catch {
    return text
  }
}

export function showNames(list: readonly SubjectName[]): Required<Names> {
  const shown: Required<Names> = { dns: [], ip: [], email: [], uri: [] }
  for (const { type, value } of list) shown[type].push(value)
  return shown
}

export function showTime(seconds: number): string {
  return rfc3339(seconds)
}

export function showTimeOrNull(seconds: number | null): string | null {
  return seconds === null ? null : rfc3339(seconds)
}
