import type { StaticDecode } from 'typebox'
import type { AcmeOptions } from './acme-schema.ts'
import type { Frozen } from './freeze.ts'
import type { Profile } from './profile-schema.ts'

/** What each option allows by itself, and all together do not. */
export function acmeContradictions({
  acme,
  profiles,
}: {
  acme: Frozen<StaticDecode<typeof AcmeOptions>>
  profiles: Readonly<Record<string, Profile>>
}): string[] {
  const found: string[] = []
  if (acme.url !== undefined && !URL.canParse(acme.url)) found.push(`acme.url is no address: ${acme.url}`)
  for (const name of acme.profiles) {
    const profile = Object.hasOwn(profiles, name) ? profiles[name]! : null
    if (!profile) {
      found.push(`acme.profiles: there is no profile "${name}".`)
      continue
    }
    const { types } = profile.names
    if (!types.includes('dns') && !types.includes('ip'))
      found.push(`acme.profiles: profile "${name}" certifies neither DNS names nor IP addresses.`)
    if (acme.enabled && profile.approval !== 'none')
      found.push(
        `acme.profiles: profile "${name}" needs approval, for which ACME orders cannot wait: list another profile, or set acme.enabled: false.`,
      )
  }
  const needs = (option: string) =>
    found.push(`${option} needs acme.caaIdentities: the names by which DNS records mean this CA.`)
  if (acme.caaIdentities.length === 0) {
    if (acme.caa) needs('acme.caa')
    if (acme.challenges.includes('dns-persist-01')) needs('The challenge dns-persist-01')
  }
  // draft-ietf-acme-dns-persist-02 3.1: clients refuse longer lists.
  if (acme.caaIdentities.length > 10 && acme.challenges.includes('dns-persist-01'))
    found.push('acme.caaIdentities: with the challenge dns-persist-01 there may be 10 at most.')
  return found
}
