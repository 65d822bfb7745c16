import { badName } from './bad-name.ts'
import { normaliseHost } from './dns.ts'
import { normaliseIp } from './ip.ts'
import { checkSpiffeId } from './spiffe.ts'

const KIND = 'URI'

/** The longest SPIFFE ID (section 2.3), taken for every URI. */
const LONGEST_URI = 2048

/** RFC 3986 2: reserved and unreserved characters, and whole percent-encodings. */
const URI_CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/

/** Where browsers and the URL class find a host with or without the slashes (WHATWG URL, "special scheme"). */
const NEEDS_SLASHES = new Set(['http', 'https', 'ws', 'wss', 'ftp'])

/** uniformResourceIdentifier (RFC 5280 4.2.1.6): absolute, with a qualified host where there is an authority; kept as given. */
export function normaliseUri(value: string): string {
  if (value.length > LONGEST_URI) throw badName(KIND, value, `is longer than ${LONGEST_URI} characters`)
  if (!URI_CHARACTERS.test(value)) {
    throw badName(KIND, value, 'is empty or has a character that RFC 3986 does not allow; percent-encode it')
  }
  // A fragment alone is something by RFC 3986 3, but not for Java, which then reads no name of the certificate.
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):([^#].*)$/.exec(value)
  if (!match) throw badName(KIND, value, 'is not absolute: it needs a scheme and something after it')
  const [, scheme, rest] = match as unknown as [string, string, string]
  if (scheme.toLowerCase() === 'spiffe') {
    checkSpiffeId(value)
    return value
  }
  const authority = rest.startsWith('//')
  if (!authority && NEEDS_SLASHES.has(scheme.toLowerCase()))
    throw badName(KIND, value, `has no "//" after "${scheme}:"`)
  const host = authority ? readHost(rest.slice(2), value) : ''
  checkEncodings(value)
  checkDelimiters(authority ? rest.slice(2).replace(/^[^/?#]*/, '') : rest, value)
  checkPath(authority ? rest.slice(2) : rest, value)
  // Whoever uses the certificate takes it apart with the URL class of some library.
  if (!URL.canParse(value) || new URL(value).hostname.toLowerCase() !== host)
    throw badName(KIND, value, 'is read differently by other URL parsers')
  return value
}

/**
 * RFC 3986 6.2.2: equal URIs are to be equal bytes, or a policy allows one spelling and the relying party sees another.
 * Letters, digits, "-", ".", "_" and "~" are never percent-encoded; control characters and what is no UTF-8, such as the
 * overlong "%C0%AE", never stand in a URI that names something.
 */
function checkEncodings(value: string): void {
  if (/%(?:[01][0-9a-f]|7f)/i.test(value))
    throw badName(KIND, value, 'has a percent-encoded control character')
  try {
    decodeURIComponent(value)
  } catch {
    throw badName(KIND, value, 'has a percent-encoding that is not UTF-8')
  }
  for (const encoding of value.match(/%[0-9a-f]{2}/gi) ?? []) {
    const character = String.fromCharCode(Number.parseInt(encoding.slice(1), 16))
    if (/[A-Za-z0-9\-._~]/.test(character))
      throw badName(KIND, value, `has "${encoding}", which must be written "${character}"`)
  }
}

/** RFC 3986 3.2.2, 3.5. Java refuses others, and with them all names of the certificate, or the certificate. */
function checkDelimiters(afterAuthority: string, value: string): void {
  if (/[[\]]/.test(afterAuthority))
    throw badName(KIND, value, 'has brackets elsewhere than around an IPv6 address; percent-encode them')
  if (/#.*#/.test(afterAuthority)) throw badName(KIND, value, 'has a second "#"; percent-encode it')
}

/**
 * RFC 3986 5.2.4: readers take "a/../b" for "b", and so would leave the folder to which a pattern keeps them. Some decode
 * a slash before that, and some drop what follows a semicolon.
 */
function checkPath(path: string, value: string): void {
  const segments = /^[^?#]*/.exec(path)![0]
  if (/%(?:2f|5c)/i.test(segments)) throw badName(KIND, value, 'has a percent-encoded slash in its path')
  if (segments.split('/').some((segment) => /^\.\.?(?:;|$)/.test(segment)))
    throw badName(KIND, value, 'has a relative path segment, "." or ".."')
}

/** The host as the URL class writes it; what cannot be certified is refused. */
function readHost(afterSlashes: string, value: string): string {
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
    return `[${normaliseIp(host.slice(1, -1))}]`
  }
  if (/^[0-9.]+$/.test(host)) return normaliseIp(host)
  const name = normaliseHost(host, KIND, value)
  if (!name.includes('.'))
    throw badName(KIND, value, 'has a host that is not fully qualified (RFC 5280 4.2.1.6)')
  return name
}
