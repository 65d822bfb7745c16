import { isIP } from 'node:net'
import { CaError } from '../errors.ts'
import { EXTENDED_KEY_USAGES } from '../pki/certificate/extensions.ts'
import type { KeyUsage } from '../pki/certificate/key-usage.ts'
import { encodeName } from '../pki/distinguished-name.ts'
import { KEY_TYPES, type KeyType } from '../pki/keys/algorithms.ts'
import { normaliseName } from '../pki/names/normalise.ts'
import { formatDuration } from './duration.ts'
import type { Profile } from './profile-schema.ts'

const RSA_KEYS = KEY_TYPES.filter((type) => type.startsWith('RSA-'))
const EC_KEYS = KEY_TYPES.filter((type) => type.startsWith('P-') || type === 'secp256k1')

/** Go refuses a certificate that has a larger number in the object identifier of a key purpose. */
const LARGEST_ARC_OF_PURPOSE = 2 ** 31 - 1

/** One reason to refuse a profile: what schemas cannot say, since it relates one key to another. */
type Rule = (profile: Profile) => string | null

const RULES: readonly Rule[] = [
  ({ validity }) =>
    validity.default > validity.maximum
      ? `has validity.default ${formatDuration(validity.default)} above validity.maximum ${formatDuration(validity.maximum)}.`
      : null,
  // RFC 9608 3: with noRevAvail a certificate must have neither CRL distribution points nor an OCSP address.
  ({ noRevocation, crlDistributionPoint }) =>
    noRevocation && crlDistributionPoint
      ? 'has noRevocation, which needs crlDistributionPoint: false (RFC 9608 3).'
      : null,
  ({ noRevocation, mustStaple }) =>
    noRevocation && mustStaple
      ? 'has mustStaple with noRevocation: there would be no response to staple.'
      : null,
  ({ mustStaple, authorityInformation }) =>
    mustStaple && !authorityInformation
      ? 'has mustStaple, which needs authorityInformation: true: servers find the OCSP responder there.'
      : null,
  // RFC 6960 4.2.2.2: whoever holds such a certificate answers for every certificate of the authority.
  (profile) =>
    hasPurpose(profile, 'OCSPSigning')
      ? 'has the key purpose OCSPSigning: its holders could declare any revoked certificate good.'
      : null,
  (profile) =>
    hasPurpose(profile, 'timeStamping') && profile.extendedKeyUsage.length > 1
      ? 'has the key purpose timeStamping beside others: it must stand alone (RFC 3161 2.3).'
      : null,
  ({ extendedKeyUsage }) => {
    const twice = Object.entries(EXTENDED_KEY_USAGES).find(
      ([name, number]) => extendedKeyUsage.includes(name) && extendedKeyUsage.includes(number),
    )
    return twice ? `has the key purpose ${twice[0]} twice, by its name and as ${twice[1]}.` : null
  },
  ({ policies }) => brokenIdentifier(policies, 'policies', Number.MAX_SAFE_INTEGER),
  ({ extendedKeyUsage }) =>
    brokenIdentifier(
      extendedKeyUsage.filter((purpose) => /^\d/.test(purpose)),
      'extendedKeyUsage',
      LARGEST_ARC_OF_PURPOSE,
    ),
  // RFC 8813 3 for EC keys, RFC 9295 3 for Ed25519, RFC 3279 2.3.1 for RSA: no key does all of these.
  (profile) => usageOfOtherKeys(profile, ['keyEncipherment', 'dataEncipherment'], RSA_KEYS),
  (profile) => usageOfOtherKeys(profile, ['keyAgreement', 'encipherOnly', 'decipherOnly'], EC_KEYS),
  ({ keyUsage }) => {
    const narrowing = keyUsage.filter((usage) => usage === 'encipherOnly' || usage === 'decipherOnly')
    if (narrowing.length > 1) return 'has encipherOnly and decipherOnly, which exclude each other.'
    return narrowing.length > 0 && !keyUsage.includes('keyAgreement')
      ? `has ${narrowing[0]} without keyAgreement, where it means nothing (RFC 5280 4.2.1.3).`
      : null
  },
  ({ names }) => {
    const foreign = names.required.find((type) => !names.types.includes(type))
    return foreign ? `requires a name of type ${foreign}, which names.types does not allow.` : null
  },
  ({ names }) =>
    names.required.length > names.maximum ? 'requires more kinds of names than names.maximum allows.' : null,
  ({ names }) => {
    const broken = names.ip.networks?.find((network) => !isNetwork(network))
    return broken
      ? `has "${broken}" among names.ip.networks, which is not a network such as "10.0.0.0/8".`
      : null
  },
  ({ subject }) => brokenSubject(subject),
  ({ names }) => brokenDomain(names.dns.suffixes, 'names.dns.suffixes'),
  ({ names }) => brokenDomain(names.email.domains, 'names.email.domains'),
]

/** Throws `CaError` "badConfiguration" with every rule that the profile breaks. */
export function checkProfile(profile: Profile): void {
  const broken = RULES.map((rule) => rule(profile)).filter((fault) => fault !== null)
  if (broken.length > 0) {
    throw new CaError(
      'badConfiguration',
      broken.map((fault) => `Profile "${profile.name}" ${fault}`).join(' '),
    )
  }
}

/** Whether certificates of the profile have this key purpose, which may stand there by name or by number. */
export function hasPurpose(
  { extendedKeyUsage }: Pick<Profile, 'extendedKeyUsage'>,
  purpose: keyof typeof EXTENDED_KEY_USAGES,
): boolean {
  return extendedKeyUsage.some((one) => one === purpose || one === EXTENDED_KEY_USAGES[purpose])
}

/** What the form of an object identifier does not show, and what relying parties cannot read: GnuTLS takes no number above 2^63. */
function brokenIdentifier(identifiers: readonly string[], path: string, largest: number): string | null {
  for (const identifier of identifiers) {
    const arcs = identifier.split('.').map(Number)
    // X.660 7.6
    if (arcs[0]! < 2 && arcs[1]! > 39)
      return `has "${identifier}" in ${path}, which is no object identifier: behind 0 and 1 comes a number up to 39.`
    if (arcs.some((arc) => arc > largest))
      return `has "${identifier}" in ${path}: some relying parties refuse certificates with a number above ${largest} in it.`
  }
  return null
}

function usageOfOtherKeys(
  { keyUsage, keyTypes }: Profile,
  usages: readonly KeyUsage[],
  able: readonly KeyType[],
): string | null {
  const usage = keyUsage.find((one) => usages.includes(one))
  const unable = keyTypes.find((type) => !able.includes(type))
  return usage && unable
    ? `has key usage ${usage}, which ${unable} keys must not have: set keyTypes to some of ${able.join(', ')}.`
    : null
}

function isNetwork(text: string): boolean {
  const [base = '', prefix = ''] = text.split('/')
  const version = isIP(base)
  return version !== 0 && Number(prefix) <= (version === 6 ? 128 : 32)
}

/** A text block of YAML ends with a line feed, which no name can hold. */
function brokenSubject(subject: Profile['subject']): string | null {
  try {
    encodeName(subject)
    return null
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    return `has a subject that no certificate can have: ${error.detail}`
  }
}

/** Suffixes are compared with normalised names, so they have to be in that form themselves. */
function brokenDomain(domains: readonly string[] | undefined, path: string): string | null {
  for (const domain of domains ?? []) {
    try {
      // A suffix may be a single label ("test"), which is no host name by itself.
      const { value } = normaliseName('dns', `x.${domain}`)
      if (value !== `x.${domain}`) return `has "${domain}" in ${path}: write it "${value.slice(2)}".`
    } catch (error) {
      if (!(error instanceof CaError)) throw error
      return `has "${domain}" in ${path}: ${error.detail}`
    }
  }
  return null
}
