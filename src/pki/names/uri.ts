import { badName } from './bad-name.ts'
import { normaliseHost } from './dns.ts'
import { normaliseIp } from './ip.ts'
import { checkSpiffeId } from './spiffe.ts'

const KIND = 'URI'

/** The longest SPIFFE ID (section 2.3), taken for every URI. */
const LONGEST_URI = 2048

/** RFC 3986 2: reserved and unreserved characters, and whole percent-encodings. */
const URI_CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/

/** uniformResourceIdentifier (RFC 5280 4.2.1.6): absolute, with a qualified host where there is an authority; kept as given. */
export function normaliseUri(value: string): string {
  if (value.length > LONGEST_URI) throw badName(KIND, value, `is longer than ${LONGEST_URI} characters`)
  if (!URI_CHARACTERS.test(value)) {
    throw badName(KIND, value, 'is empty or has a character that RFC 3986 does not allow; percent-encode it')
  }
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):(.+)$/.exec(value)
  if (!match) throw badName(KIND, value, 'is not absolute: it needs a scheme and something after it')
  const [, scheme, rest] = match as unknown as [string, string, string]
  if (scheme.toLowerCase() === 'spiffe') checkSpiffeId(value)
  else if (rest.startsWith('//')) checkAuthority(rest.slice(2), value)
  return value
}

function checkAuthority(afterSlashes: string, value: string): void {
  const authority = /^[^/?#]*/.exec(afterSlashes)![0]
  // RFC 3986 3.2.1: what stands before "@" is read as a host by careless parsers.
  if (authority.includes('@')) throw badName(KIND, value, 'has user information before its host')
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([0-9]{0,5}))?$/.exec(authority)
  if (!match || Number(match[2] ?? 0) > 65535)
    throw badName(KIND, value, 'has a host or port that cannot be read')
  const host = match[1]!
  if (host === '') throw badName(KIND, value, 'has an empty host')
  if (host.startsWith('[')) {
    if (!host.includes(':'))
      throw badName(KIND, value, 'has something other than an IPv6 address in brackets')
    normaliseIp(host.slice(1, -1))
  } else if (/^[0-9.]+$/.test(host)) normaliseIp(host)
  else if (!normaliseHost(host, KIND, value).includes('.')) {
    throw badName(KIND, value, 'has a host that is not fully qualified (RFC 5280 4.2.1.6)')
  }
}
