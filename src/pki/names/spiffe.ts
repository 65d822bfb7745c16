import { badName } from './bad-name.ts'

const KIND = 'SPIFFE ID'

/** Checks a URI of the scheme "spiffe", in whatever case, by the SPIFFE ID specification, section 2. */
export function checkSpiffeId(value: string): void {
  if (!value.startsWith('spiffe://'))
    throw badName(KIND, value, 'does not begin with "spiffe://" in lower case')
  const rest = value.slice('spiffe://'.length)
  const slash = rest.indexOf('/')
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash)
  // 2.1: neither port nor userinfo, and lower case only, so that equal IDs are equal bytes.
  if (!/^[a-z0-9._-]+$/.test(trustDomain)) {
    throw badName(KIND, value, 'has a trust domain that is not made of a-z, 0-9, ".", "-" and "_" alone')
  }
  // Go reads no certificate with such a host, whatever else it has in it; nor does Java with the last one empty.
  if (trustDomain.split('.').includes(''))
    throw badName(KIND, value, 'has a trust domain with an empty label between, before or after its dots')
  if (trustDomain.length > 255) throw badName(KIND, value, 'has a trust domain of more than 255 characters')
  if (slash < 0) return
  for (const segment of rest.slice(slash + 1).split('/')) {
    // 2.2: a trailing slash is an empty segment as well.
    if (segment === '') throw badName(KIND, value, 'has an empty path segment or a trailing slash')
    if (segment === '.' || segment === '..') throw badName(KIND, value, 'has a relative path segment')
    if (!/^[A-Za-z0-9._-]+$/.test(segment)) {
      throw badName(
        KIND,
        value,
        'has a path segment that is not made of letters, digits, ".", "-" and "_" alone',
      )
    }
  }
}
