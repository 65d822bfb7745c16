import { badName } from './bad-name.ts'
import { normaliseHost } from './dns.ts'

const KIND = 'e-mail address'

/** RFC 5322 3.2.3 dot-atom; the quoted form is legal and nobody uses it but to confuse. */
const DOT_ATOM = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/

/** rfc822Name (RFC 5280 4.2.1.6): a bare ASCII mailbox. The local part keeps its case, the host is lower-cased. */
export function normaliseEmail(value: string): string {
  const at = value.lastIndexOf('@')
  if (at < 0) throw badName(KIND, value, 'has no "@"')
  const local = value.slice(0, at)
  // RFC 5321 4.5.3.1.1
  if (local.length > 64) throw badName(KIND, value, 'has more than 64 characters before the "@"')
  if (!DOT_ATOM.test(local)) {
    throw badName(
      KIND,
      value,
      'has something other than letters, digits, dots and the signs of RFC 5322 before the "@"',
    )
  }
  const host = normaliseHost(value.slice(at + 1), KIND, value)
  // RFC 5321 4.5.3.1.3: a path of 256 octets holds an address and two angle brackets.
  if (at + 1 + host.length > 254) throw badName(KIND, value, 'is longer than 254 characters')
  return `${local}@${host}`
}
