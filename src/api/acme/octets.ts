import { readBase64url } from '../../acme/jws/base64url.ts'
import { AcmeError, type AcmeErrorType } from '../../acme/problem.ts'

/**
 * DER in a member of a payload, as base64url (RFC 8555 7.4, 7.6). Padding, which should not be there, is taken where it is right:
 * the NAS of Synology sends it. It changes nothing, and no signature is over it.
 */
export function readOctets(given: unknown, member: string, type: AcmeErrorType): Buffer {
  const bare = typeof given === 'string' && given.length % 4 === 0 ? given.replace(/={1,2}$/, '') : given
  const octets = typeof bare === 'string' ? readBase64url(bare) : null
  if (!octets || octets.length === 0) {
    throw new AcmeError(
      type,
      `"${member}" must be DER in base64url, without padding and without PEM's lines.`,
    )
  }
  return octets
}
