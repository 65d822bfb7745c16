import { readBase64url } from '../../acme/jws/base64url.ts'
import { AcmeError, type AcmeErrorType } from '../../acme/problem.ts'

/** DER in a member of a payload, as base64url without padding (RFC 8555 7.4, 7.6). */
export function readOctets(given: unknown, member: string, type: AcmeErrorType): Buffer {
  const octets = typeof given === 'string' ? readBase64url(given) : null
  if (!octets || octets.length === 0) {
    throw new AcmeError(
      type,
      `"${member}" must be DER in base64url, without padding and without PEM's lines.`,
    )
  }
  return octets
}
