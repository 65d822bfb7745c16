import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normaliseName } from '../../../src/pki/names/normalise.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'

const uri = (value: string) => normaliseName('uri', value).value

describe('URIs that are certified, as given', () => {
  it.each([
    'https://web.example.test/a?b=c#d',
    'https://Web.Example.test:8443/',
    'https://10.0.0.1/',
    'https://[2001:DB8::1]:443/%C3%A9',
    'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
    'tag:example.test,2020:x',
    `urn:x:${'a'.repeat(2042)}`,
    'https://web.example.test/...',
    'https://web.example.test/.well-known/a..b/..c',
    'https://web.example.test/a%20b?next=%2Fc%2F..%2Fd#../e',
    'foo://web.example.test/a',
  ])('%s', (value) => expect(uri(value)).toBe(value))
})

describe('URIs that are refused', () => {
  it.each([
    ['', /empty/],
    ['/relative', /not absolute/],
    ['//web.example.test/', /not absolute/],
    ['web', /not absolute/],
    ['https:', /not absolute/],
    ['1http://web.example.test', /not absolute/],
    ['https://', /empty host/],
    ['file:///etc/passwd', /empty host/],
    ['https://:443/', /empty host/],
    ['https://user@web.example.test/', /user information/],
    ['https://evil.test:x@web.example.test/', /user information/],
    ['https://intranet/', /not fully qualified/],
    ['https://*.example.test/', /asterisk/],
    ['https://web_1.example.test/', /underscore/],
    ['https://web.example.test./', /dot/],
    ['https://web.example.test:65536/', /host or port/],
    ['https://web.example.test:x/', /host or port/],
    ['https://[::1/', /host or port/],
    ['https://[v1.x]/', /brackets/],
    ['https://[10.0.0.1]/', /brackets/],
    ['https://[::ffff:10.0.0.1]/', /mapped/],
    ['https://[fe80::1%25eth0]/', /zone/],
    ['https://10.0.0.256/', /neither/],
    ['https://web%2eexample.test/', /character other than/],
    ['https://web.example.test/a b', /RFC 3986/],
    ['https://web.example.test/\0', /RFC 3986/],
    ['https://web.example.test/é', /RFC 3986/],
    ['https://web.example.test/%zz', /RFC 3986/],
    ['https://web.example.test\\@evil.test/', /RFC 3986/],
    [`urn:x:${'a'.repeat(2043)}`, /longer than 2048/],
    ['https://web.example.test/team-a/../admin', /relative path segment/],
    ['https://web.example.test/..', /relative path segment/],
    ['https://web.example.test/a/.', /relative path segment/],
    ['https://web.example.test/a/./b?c', /relative path segment/],
    ['https://web.example.test/a/..#c', /relative path segment/],
    ['https://web.example.test/a/..;v=1/admin', /relative path segment/],
    ['foo:a/../b', /relative path segment/],
    ['urn:../x', /relative path segment/],
    ['https://web.example.test/a/%2e%2e/admin', /"%2e", which must be written "."/],
    ['https://web.example.test/a/.%2E/admin', /"%2E"/],
    ['https://web.example.test/a/%2E/admin', /"%2E"/],
    ['https://web.example.test/%61dmin', /"%61", which must be written "a"/],
    ['https://web.example.test/a/%7Ejo', /"%7E"/],
    ['https://web.example.test/a%2f..%2fadmin', /encoded slash/],
    ['https://web.example.test/a%5Cadmin', /encoded slash/],
    ['https://web.example.test/a%00', /control/],
    ['https://web.example.test/?a=%0d%0Ab', /control/],
    ['https://web.example.test/%7f', /control/],
    ['https://web.example.test/%c0%ae%c0%ae/', /UTF-8/],
    ['https://web.example.test/%ff', /UTF-8/],
    ['https:web.example.test/', /no "\/\/"/],
    ['HTTP:/web.example.test/', /no "\/\/"/],
    ['https:admin', /no "\/\/"/],
    ['wss:/web.example.test/', /no "\/\/"/],
    ['https://web.example.test/[a]', /brackets/],
    ['https://[2001:db8::1]/a?b=[c]', /brackets/],
    ['urn:x:]', /brackets/],
    ['https://web.example.test/#a#b', /second "#"/],
    ['urn:x##', /second "#"/],
    ['foo:#x', /something after it/],
  ])('%j', (value, reason) => expectRefusal(() => uri(value), 'badName', reason))

  it('whatever is sent is refused or kept', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl(),
          fc
            .array(fc.constantFrom('.', '/', '%2e', '%2E', '%2f', 'a', ';', '%41', '?', '#', ':', '@', '%'))
            .map((parts) => `https:${parts.join('')}`),
          fc
            .array(
              fc.constantFrom('.', '/', '%2e', '%2E', '%2f', 'a', ';', '%41', '?', '#', ':', '@', '%c3%a9'),
            )
            .map((parts) => `https://web.example.test/${parts.join('')}`),
          fc.string(),
          fc.string().map((rest) => `spiffe://${rest}`),
        ),
        (value) => {
          const normal = parsesOrRefuses(() => uri(value))
          if (normal === undefined) return
          expect(normal).toBe(value)
          const url = new URL(normal)
          expect(url.username).toBe('')
          // What a URL parser makes of it has the same path, so a pattern that fits the one fits the other.
          if (/^https?:/.test(normal)) {
            expect(url.pathname).toBe(/^[a-z]+:\/\/[^/?#]*([^?#]*)/.exec(normal)![1] || '/')
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('SPIFFE IDs', () => {
  it.each([
    'spiffe://example.test',
    'spiffe://td',
    'spiffe://cluster.local/ns/default/sa/web',
    'spiffe://a_b-c.1/X.y_Z-9/...',
    `spiffe://${'a'.repeat(255)}/x`,
    `spiffe://td/${'a'.repeat(2036)}`,
  ])('%s is certified', (value) => expect(uri(value)).toBe(value))

  it.each([
    ['SPIFFE://td/x', /lower case/],
    ['spiffe:td/x', /begin/],
    ['spiffe:/td/x', /begin/],
    ['spiffe://', /trust domain/],
    ['spiffe:///x', /trust domain/],
    ['spiffe://TD/x', /trust domain/],
    ['spiffe://td:443/x', /trust domain/],
    ['spiffe://user@td/x', /trust domain/],
    ['spiffe://a..b/x', /empty label/],
    ['spiffe://.a/x', /empty label/],
    ['spiffe://a./x', /empty label/],
    ['spiffe://.', /empty label/],
    ['spiffe://td?q', /trust domain/],
    ['spiffe://td#f', /trust domain/],
    [`spiffe://${'a'.repeat(256)}/x`, /more than 255/],
    ['spiffe://td/', /trailing slash/],
    ['spiffe://td/x/', /trailing slash/],
    ['spiffe://td//x', /empty path segment/],
    ['spiffe://td/./x', /relative/],
    ['spiffe://td/x/..', /relative/],
    ['spiffe://td/%2e%2e/x', /path segment/],
    ['spiffe://td/x?q=1', /path segment/],
    ['spiffe://td/x#f', /path segment/],
    ['spiffe://td/a:b', /path segment/],
    [`spiffe://td/${'a'.repeat(2037)}`, /longer than 2048/],
  ])('%j is refused', (value, reason) => expectRefusal(() => uri(value), 'badName', reason))
})
