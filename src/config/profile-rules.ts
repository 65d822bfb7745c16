import { isIP } from 'node:net'
import { CaError } from '../errors.ts'
import { normaliseName } from '../pki/names/normalise.ts'
import { formatDuration } from './duration.ts'
import type { Profile } from './profile.ts'

const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'

/** One reason to refuse a profile: what schemas cannot say, since it relates one key to another. */
type Rule = (profile: Profile) => string | null

const RULES: readonly Rule[] = [
  ({ validity }) =>
    validity.default > validity.maximum
      ? `has validity.default ${formatDuration(validity.default)} above validity.maximum ${formatDuration(validity.maximum)}.`
      : null,
  // RFC 9608 4: with noRevAvail a certificate must have neither CRL distribution points nor an OCSP address.
  ({ noRevocation, crlDistributionPoint }) =>
    noRevocation && crlDistributionPoint
      ? 'has noRevocation, which needs crlDistributionPoint: false (RFC 9608 4).'
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
  ({ extendedKeyUsage }) =>
    extendedKeyUsage.includes(OCSP_SIGNING)
      ? 'has the key purpose OCSPSigning: its holders could declare any revoked certificate good.'
      : null,
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

function isNetwork(text: string): boolean {
  const [base = '', prefix = ''] = text.split('/')
  const version = isIP(base)
  return version !== 0 && Number(prefix) <= (version === 6 ? 128 : 32)
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
