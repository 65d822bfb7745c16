import type { Principal } from '../../auth/principal.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'

/** Who never waits: what they ask for needs no approval, or cannot have it. */
export type Impatient = Extract<Principal, { readonly kind: 'admin' | 'system' | 'account' }>

export function isImpatient(principal: Principal): principal is Impatient {
  return principal.kind === 'admin' || principal.kind === 'system' || principal.kind === 'account'
}

/**
 * Whether a person must approve this. What an admin, or the service itself, asks for is approved by that. A renewal is the act of who holds
 * the old key: by a token it is a new certificate for whoever has that, since anybody can know a serial number.
 */
export function needsApproval(
  { name, approval }: Pick<Profile, 'name' | 'approval'>,
  principal: Principal,
  isRenewal: boolean,
): boolean {
  if (principal.kind === 'admin' || principal.kind === 'system') return false
  const renewsItself = isRenewal && principal.kind === 'certificate'
  if (approval === 'none' || (approval === 'enrol' && renewsItself)) return false
  // An order that was made before the profile was changed.
  if (principal.kind === 'account')
    throw new CaError('forbidden', `Profile "${name}" needs approval, for which ACME orders cannot wait.`)
  return true
}
