import { CaError } from '../../errors.ts'
import { normaliseDns } from './dns.ts'
import { normaliseEmail } from './email.ts'
import { normaliseIp } from './ip.ts'
import { NAME_TYPES, type NameType, type SubjectName } from './san.ts'
import { normaliseUri } from './uri.ts'

const NORMALISE = {
  dns: normaliseDns,
  ip: normaliseIp,
  email: normaliseEmail,
  uri: normaliseUri,
} satisfies Record<NameType, (value: string) => string>

/** The one spelling under which a name is compared, stored and certified. Throws `badName` with the reason. */
export function normaliseName(type: NameType, value: string): SubjectName {
  return { type, value: NORMALISE[type](value) }
}

/** Reads "dns:web.example.test", the form that `nameText` writes. */
export function parseNameText(text: string): SubjectName {
  const colon = text.indexOf(':')
  const type = NAME_TYPES.find((known) => known === text.slice(0, colon))
  if (!type) {
    const prefixes = NAME_TYPES.map((known) => `"${known}:"`).join(', ')
    throw new CaError(
      'badName',
      `A name begins with its kind, one of ${prefixes}, as in "dns:web.example.test".`,
    )
  }
  return normaliseName(type, text.slice(colon + 1))
}
