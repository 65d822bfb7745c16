import { fingerprint, readFingerprint } from '../pki/certificate/fingerprint.ts'
import { normaliseName } from '../pki/names/normalise.ts'
import { type NameType, nameText } from '../pki/names/san.ts'
import type { Role } from '../store/commands.ts'
import type { CertificateRow } from '../store/queries.ts'
import { highestRole } from './roles.ts'

/** What a certificate must be to give its holder a role; every part that is there must fit. */
export interface AdminCertificateRule {
  readonly role: Role
  /** "email:ada@example.test". */
  readonly san?: string
  readonly subject?: string
  /** SHA-256, hexadecimal, with or without colons. */
  readonly fingerprint?: string
  readonly profile?: string
}

/** The role that a certificate of this CA gives its holder, if any: the highest of those whose every condition it fulfils. */
export type RoleOfCertificate = (row: CertificateRow) => Role | null

/** Throws `CaError` "badName" for a name that is none. */
export function certificateRoles(admins: readonly AdminCertificateRule[]): RoleOfCertificate {
  const rules = admins.map(({ role, san, subject, fingerprint: print, profile }) => ({
    role,
    subject,
    profile,
    name: san === undefined ? undefined : normalised(san),
    print: print === undefined ? undefined : readFingerprint(print),
  }))
  if (rules.length === 0) return () => null
  return (row) => {
    const names = row.names.map(nameText)
    const print = fingerprint(row.der)
    const roles = rules
      .filter(
        (rule) =>
          (rule.name === undefined || names.includes(rule.name)) &&
          (rule.subject === undefined || rule.subject === row.subject) &&
          (rule.print === undefined || rule.print === print) &&
          (rule.profile === undefined || rule.profile === row.profile),
      )
      .map(({ role }) => role)
    return highestRole(roles)
  }
}

function normalised(san: string): string {
  const colon = san.indexOf(':')
  return nameText(normaliseName(san.slice(0, colon) as NameType, san.slice(colon + 1)))
}
