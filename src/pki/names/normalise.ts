import { isIP } from 'node:net'
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

/**
 * A name whose kind shows in its look: "dns:web.example.test" as `nameText` writes it, an address, a URI with its
 * scheme, an e-mail address, else a DNS name.
 */
export function detectName(text: string): SubjectName {
  if (NAME_TYPES.some((type) => text.startsWith(`${type}:`))) return parseNameText(text)
  if (isIP(text)) return normaliseName('ip', text)
  if (/^[a-z][a-z0-9+.-]*:\/\/|^urn:/i.test(text)) return normaliseName('uri', text)
  return normaliseName(text.includes('@') ? 'email' : 'dns', text)
}
