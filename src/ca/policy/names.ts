import type { Principal } from '../../auth/principal.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError, type Subproblem } from '../../errors.ts'
import { isOutside } from '../../pki/certificate/name-constraints.ts'
import { nameText, type SubjectName } from '../../pki/names/san.ts'
import type { Authority } from '../authority.ts'
import { fitsPattern } from './name-patterns.ts'
import { inNetworks, underSuffix } from './name-ranges.ts'

/**
 * Refuses any name that the profile does not certify or that the principal may not ask for. All of the faults
 * are reported at once, one subproblem a name.
 */
export function checkNames(
  names: readonly SubjectName[],
  profile: Profile,
  authority: Pick<Authority, 'id' | 'nameLimits'>,
  principal: Principal,
): void {
  // An OCSP responder has no name: it is known by its issuer and its purpose.
  if (profile.names.types.length === 0 && names.length === 0) return
  if (names.length === 0) {
    throw new CaError('badName', 'The request names nothing: put at least one subjectAltName into the CSR.')
  }
  if (names.length > profile.names.maximum) {
    throw new CaError(
      'badName',
      `The request has ${names.length} names; profile "${profile.name}" takes at most ${profile.names.maximum}.`,
    )
  }
  const problems: Subproblem[] = []
  for (const name of names) {
    const reason =
      refusedByProfile(name, profile) ??
      refusedByPrincipal(name, principal) ??
      refusedByAuthority(name, authority)
    if (reason) problems.push({ code: 'nameNotAllowed', subject: nameText(name), detail: reason })
  }
  if (problems.length > 0) {
    const listed = problems.map((problem) => `${problem.subject}: ${problem.detail}`).join(' ')
    throw new CaError(
      'nameNotAllowed',
      `${problems.length === 1 ? 'A name is' : 'Some names are'} not allowed. ${listed}`,
      {
        subproblems: problems,
      },
    )
  }
  for (const required of profile.names.required) {
    if (!names.some((name) => name.type === required)) {
      throw new CaError('badName', `Profile "${profile.name}" needs a name of type ${required}.`)
    }
  }
  // X509-SVID 2: exactly one URI SAN, or the certificate is no SVID and verifiers refuse it.
  if (profile.names.uri.single && names.filter((name) => name.type === 'uri').length > 1) {
    throw new CaError('badName', `Profile "${profile.name}" takes one URI, no more.`)
  }
}

function refusedByPrincipal(name: SubjectName, principal: Principal): string | null {
  if (principal.kind === 'token') {
    return isAmong(name, principal.token.names) ? null : 'The enrolment token does not list this name.'
  }
  if (principal.kind === 'account' && principal.order) {
    return isAmong(name, principal.order.names) ? null : 'The order does not list this name.'
  }
  if (principal.kind !== 'enrollee') return null
  const { names, patterns } = principal.grant
  const allowed = isAmong(name, names) || patterns.some((pattern) => fitsPattern(name, pattern))
  return allowed
    ? null
    : 'It is neither in the certificate that was shown nor within what may be enrolled here.'
}

function isAmong({ type, value }: SubjectName, names: readonly SubjectName[]): boolean {
  return names.some((one) => one.type === type && one.value === value)
}

function refusedByAuthority(
  name: SubjectName,
  { id, nameLimits }: Pick<Authority, 'id' | 'nameLimits'>,
): string | null {
  return nameLimits.some((limits) => isOutside(name, limits))
    ? `The name constraints of authority "${id}" leave it out.`
    : null
}

function refusedByProfile(name: SubjectName, profile: Profile): string | null {
  const { names } = profile
  if (!names.types.includes(name.type))
    return `Profile "${profile.name}" certifies no names of type ${name.type}.`
  if (name.type === 'dns') return refusedDns(name.value, profile)
  if (name.type === 'ip')
    return inNetworks(name.value, names.ip.networks)
      ? null
      : 'The address is in none of the profile’s networks.'
  if (name.type === 'email') {
    const domain = name.value.slice(name.value.lastIndexOf('@') + 1)
    return !names.email.domains || names.email.domains.includes(domain)
      ? null
      : 'The e-mail domain is not among the profile’s.'
  }
  const { patterns } = names.uri
  return !patterns || patterns.some((pattern) => uriMatches(pattern, name.value))
    ? null
    : 'The URI fits none of the profile’s patterns.'
}

function refusedDns(value: string, profile: Profile): string | null {
  const { suffixes, wildcards } = profile.names.dns
  if (value.startsWith('*.') && !wildcards) return `Profile "${profile.name}" allows no wildcards.`
  if (!suffixes) return null
  return underSuffix(value, suffixes)
    ? null
    : `It is under none of the profile’s DNS suffixes (${suffixes.join(', ')}).`
}

/**
 * `*` stands for one or more characters within a path segment or a host: it never crosses a slash; `**` does. Nor does
 * it cross "?" and "#": "https://evil.test?.example.test/" would fit "https://*.example.test/", and its host is evil.test.
 */
export function uriMatches(pattern: string, uri: string): boolean {
  // Not as a regular expression: whoever asks for the name would choose how long one with a few wildcards tries.
  const parts = pattern.match(/\*\*?|[^*]/g) ?? []
  /** How many of the parts what was read may have used up. */
  let reached = new Set([0])
  for (const character of uri) {
    const next = new Set<number>()
    for (const at of reached) {
      const part = parts[at]
      const isWild = part === '**' || (part === '*' && !'/?#'.includes(character))
      if (isWild) next.add(at)
      if (isWild || part === character) next.add(at + 1)
    }
    reached = next
  }
  return reached.has(parts.length)
}
