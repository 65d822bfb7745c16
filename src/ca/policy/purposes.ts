import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import { EXTENDED_KEY_USAGES } from '../../pki/certificate/extensions.ts'
import type { Authority } from '../authority.ts'
import { isInternal } from '../internal-profiles.ts'

/**
 * Refuses a profile of which relying parties would take no purpose, since the authority, or one above it, is kept to others
 * by its extended key usage. Where one purpose is left the certificate is good for that.
 */
export function checkPurposes(
  { name, extendedKeyUsage }: Pick<Profile, 'name' | 'extendedKeyUsage'>,
  { id, purposeLimits }: Pick<Authority, 'id' | 'purposeLimits'>,
): void {
  // Responders are taken below any: RFC 6960 4.2.2.2 asks for nothing above them.
  if (isInternal(name) || extendedKeyUsage.length === 0) return
  const names: Readonly<Record<string, string>> = EXTENDED_KEY_USAGES
  const isLeft = (purpose: string) =>
    purposeLimits.every((limit) => limit.includes(names[purpose] ?? purpose))
  if (extendedKeyUsage.some(isLeft)) return
  throw new CaError(
    'conflict',
    `The extended key usage of authority "${id}", or of one above it, leaves out every purpose of profile "${name}" (${extendedKeyUsage.join(', ')}): ask for another profile, or an admin gives this one another authority.`,
  )
}
