import { isIP } from 'node:net'
import { hasPurpose } from '../../config/profile-rules.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import { isOutside, isSubjectOutside, permittedDirectories } from '../../pki/certificate/name-constraints.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { readCommonNames } from '../../pki/csr/common-names.ts'
import type { CertificationRequest } from '../../pki/csr/parse.ts'
import { DerReader } from '../../pki/der/read.ts'
import { type NameAttribute, nameBelow, nameToText, nameWithout } from '../../pki/distinguished-name.ts'
import { normaliseIp } from '../../pki/names/ip.ts'
import { normaliseName } from '../../pki/names/normalise.ts'
import type { SubjectName } from '../../pki/names/san.ts'
import type { CertificateRow } from '../../store/queries.ts'
import type { Authority } from '../authority.ts'

/** ub-common-name (RFC 5280 A.1): a longer name stands in the SAN alone. */
const MAX_COMMON_NAME = 64

/**
 * The names that a CSR asks for: its SAN, or, where an old tool wrote none, a common name that is a DNS name
 * or an IP address (RFC 8555 7.4 reads a CSR in the same way).
 */
export function csrNames(csr: CertificationRequest): readonly SubjectName[] {
  if (csr.names.length > 0) return csr.names
  return csr.commonNames.map((text) => normaliseName(isIP(text) ? 'ip' : 'dns', text))
}

/**
 * The names that a CSR for a renewal asks for, empty for those of the old certificate: a common name that could be no name,
 * "device 17", asks for nothing, as beside names that were given in the request.
 */
export function renewedNames(csr: CertificationRequest): readonly SubjectName[] {
  try {
    return csrNames(csr)
  } catch (error) {
    if (error instanceof CaError && error.code === 'badName') return []
    throw error
  }
}

/**
 * The subject's attributes: the profile's fixed ones, and a common name only if it is also a SAN. `names` are those of the
 * names asked for that are granted: where the one that the common name is was left out, no other takes its place. Nor does
 * one stand there for which relying parties would refuse the certificate.
 */
export function grantSubject(
  commonNames: readonly string[],
  asked: readonly SubjectName[],
  names: readonly SubjectName[],
  profile: Profile,
  authority: Pick<Authority, 'nameLimits'>,
): readonly NameAttribute[] {
  const attributes: NameAttribute[] = [...profile.subject]
  if (profile.commonName === 'none') return attributes
  for (const text of commonNames) {
    const spellings = [text, text.toLowerCase(), canonical(text)]
    const name = asked.find(({ value }) => spellings.includes(value))
    if (name && name.value.length <= MAX_COMMON_NAME) {
      if (names.includes(name) && !isMisjudged(name, names, profile, authority))
        attributes.push({ type: 'CN', value: name.value })
      break
    }
    if (!name && profile.commonName === 'refuse') {
      throw new CaError(
        'nameNotAllowed',
        `The common name "${text}" is not among the subjectAltNames; add it there or leave it out.`,
      )
    }
  }
  return attributes
}

/**
 * The subject (a DER Name) that a renewal keeps: without a common name for which relying parties would refuse the certificate,
 * where the authority of before had no such constraints.
 */
export function renewedSubject(
  { der, names }: Pick<CertificateRow, 'der' | 'names'>,
  profile: Profile,
  authority: Pick<Authority, 'nameLimits'>,
): Buffer {
  const { subject } = parseCertificate(der)
  const commonNames = readCommonNames(new DerReader(subject, 'subject').enter())
  const isLeftOut = names.some(
    (name) => commonNames.includes(name.value) && isMisjudged(name, names, profile, authority),
  )
  return isLeftOut ? nameWithout(subject, 'CN') : subject
}

/**
 * Whether a CSR asks for the subject of a certificate: as it is, but for capitals, or with more that an enrolment would drop. A device
 * keeps the subject that somebody gave it, and shows it at its enrolment and at each renewal. `names`: those that the CSR asks for.
 */
export function asksForSubject(
  csr: CertificationRequest,
  names: readonly SubjectName[],
  certified: Uint8Array,
  profile: Profile,
  authority: Pick<Authority, 'nameLimits'>,
): boolean {
  // Names are compared without regard to case (RFC 5280 7.1), and an enrolment writes them in small letters.
  if (nameToText(csr.subject).toLowerCase() === nameToText(certified).toLowerCase()) return true
  const granted = grantSubject(csr.commonNames, names, names, profile, authority)
  const commonNames = granted.filter(({ type }) => type === 'CN').map(({ value }) => value)
  return commonNames.join() === readCommonNames(new DerReader(certified, 'subject').enter()).join()
}

/** As names are compared: IPv6 in one of its many forms, and an e-mail address with capitals in its host, are names too. */
function canonical(text: string): string {
  const at = text.lastIndexOf('@')
  if (at >= 0) return text.slice(0, at) + text.slice(at).toLowerCase()
  if (isIP(text) !== 6) return text
  try {
    return normaliseIp(text)
  } catch (error) {
    if (error instanceof CaError) return text
    throw error
  }
}

/**
 * Without a dNSName relying parties hold the common name against DNS constraints, whatever it is: OpenSSL one that looks like
 * a host name, as "10.0.0.1" does, and GnuTLS any one of a TLS server.
 */
function isMisjudged(
  name: SubjectName,
  names: readonly SubjectName[],
  profile: Profile,
  { nameLimits }: Pick<Authority, 'nameLimits'>,
): boolean {
  if (names.some(({ type }) => type === 'dns')) return false
  const { length } = profile.extendedKeyUsage
  const isJudged = isIP(name.value) === 4 || length === 0 || hasPurpose(profile, 'serverAuth')
  return isJudged && nameLimits.some((limits) => isOutside({ type: 'dns', value: name.value }, limits))
}

/**
 * The subject (a DER Name) of a certificate of the service's own, which nobody sets: where the name constraints leave it out, it stands
 * below a directory name that they permit.
 */
export function ownSubject(subject: Buffer, { nameLimits }: Pick<Authority, 'nameLimits'>): Buffer {
  const below = nameLimits.flatMap(permittedDirectories).map((base) => nameBelow(base, subject))
  const isWithin = (one: Buffer) => !nameLimits.some((limits) => isSubjectOutside(one, limits))
  return [subject, ...below].find(isWithin) ?? subject
}

/** Refuses a subject (a DER Name) that relying parties would, by the name constraints above it. `isKept`: in a renewal. */
export function checkSubject(
  subject: Buffer,
  { id, nameLimits }: Pick<Authority, 'id' | 'nameLimits'>,
  isKept = false,
): void {
  if (!nameLimits.some((limits) => isSubjectOutside(subject, limits))) return
  const help = isKept
    ? ', which a renewal keeps: enrol again, where the profile has another'
    : '; an admin sets it in the profile'
  throw new CaError(
    'nameNotAllowed',
    `The name constraints of authority "${id}" leave out the subject "${nameToText(subject)}"${help}.`,
  )
}
