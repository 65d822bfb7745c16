import { domainToASCII, domainToUnicode } from 'node:url'
import { badName } from './bad-name.ts'

/** RFC 1035 2.3.4 allows 255 octets on the wire, which is 253 characters of text. */
const LONGEST_NAME = 253
const LONGEST_LABEL = 63

const LDH_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** A dNSName: a host, or a wildcard that is the whole left-most label (RFC 6125 6.4.3) over two labels or more. */
export function normaliseDns(value: string): string {
  const wildcard = value.startsWith('*.')
  const host = normaliseHost(wildcard ? value.slice(2) : value, 'DNS name', value)
  if (!wildcard) return host
  if (!host.includes('.')) {
    throw badName(
      'DNS name',
      value,
      'is a wildcard over a whole top-level domain; it needs two labels after the asterisk',
    )
  }
  // A wildcard stands for one label, and no A-label can be made by it; so the rest is checked as a host.
  if (host.length + 2 > LONGEST_NAME)
    throw badName('DNS name', value, `is longer than ${LONGEST_NAME} characters`)
  return `*.${host}`
}

/** A host in lower case, as names, e-mail addresses and URIs carry it. `kind` and `whole` are for the message. */
export function normaliseHost(host: string, kind: string, whole: string): string {
  if (host.length > LONGEST_NAME) throw badName(kind, whole, `is longer than ${LONGEST_NAME} characters`)
  // ASCII first: toLowerCase would turn a Kelvin sign (U+212A) into the letter k.
  if (!/^[\x21-\x7e]+$/.test(host)) throw badName(kind, whole, unprintable(host))
  const lower = host.toLowerCase()
  if (!LDH_NAME.test(lower)) throw badName(kind, whole, notLdh(lower))
  // Resolvers and URL parsers read a name whose last label is a number as an IPv4 address.
  if (/(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/.test(lower)) {
    throw badName(
      kind,
      whole,
      'ends in a number, so it reads as an IP address; an address belongs in an IP name',
    )
  }
  if (lower.includes('--')) checkHyphens(lower, kind, whole)
  return lower
}

function unprintable(host: string): string {
  if (host === '') return 'is empty'
  if (/\p{Cc}/u.test(host)) return 'has a NUL or another control character'
  if (/\s/u.test(host)) return 'has white space'
  const encoded = domainToASCII(host)
  return encoded === ''
    ? 'has characters outside ASCII that no internationalised name may have'
    : `has characters outside ASCII; write it in its A-label form, "${encoded}"`
}

function notLdh(host: string): string {
  if (host.includes('*')) return 'has an asterisk that is not the whole left-most label'
  if (host.endsWith('.')) return 'ends in a dot; leave the dot away'
  for (const label of host.split('.')) {
    if (label === '') return 'has an empty label'
    if (label.length > LONGEST_LABEL) return `has a label of more than ${LONGEST_LABEL} characters`
    if (label.includes('_')) return 'has an underscore, which host names may not have (RFC 1123 2.1)'
    if (!/^[a-z0-9-]+$/.test(label)) return 'has a character other than letters, digits, hyphens and dots'
    if (label.startsWith('-') || label.endsWith('-')) return 'has a label that begins or ends with a hyphen'
  }
  return 'is not a host name'
}

/** RFC 5890 2.3.1: hyphens in the third and fourth place are reserved, and only "xn--" has a meaning. */
function checkHyphens(host: string, kind: string, whole: string): void {
  for (const label of host.split('.')) {
    if (label.slice(2, 4) !== '--') continue
    if (!label.startsWith('xn--')) {
      throw badName(
        kind,
        whole,
        'has a label with reserved hyphens in the third and fourth place (RFC 5890 2.3.1)',
      )
    }
    if (!isALabel(label)) {
      throw badName(
        kind,
        whole,
        `has the label "${label}", which is not a valid internationalised name (RFC 5890 2.3.2.1)`,
      )
    }
  }
}

/** RFC 5892 2: letters, marks and digits, and the few others that are valid in some context. Emoji are not. */
const U_LABEL = /^[\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}\-\u00b7\u0375\u05f3\u05f4\u30fb\u200c\u200d]+$/u

function isALabel(label: string): boolean {
  const decoded = domainToUnicode(label)
  return decoded !== label && U_LABEL.test(decoded) && domainToASCII(decoded) === label
}
