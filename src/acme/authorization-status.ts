import type { AcmeAuthorizationRow } from '../store/acme-queries.ts'

/** One whose time is over has expired (RFC 8555 7.1.6), though nobody has written that down. `now` in seconds since 1970. */
export function authorizationStatus(
  { status, expiresAt }: AcmeAuthorizationRow,
  now: number,
): AcmeAuthorizationRow['status'] | 'expired' {
  return (status === 'pending' || status === 'valid') && expiresAt <= now ? 'expired' : status
}
