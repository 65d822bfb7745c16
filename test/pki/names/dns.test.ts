import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normaliseName } from '../../../src/pki/names/normalise.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'

const dns = (value: string) => normaliseName('dns', value).value
const label63 = 'a'.repeat(63)
const name253 = [label63, label63, label63, 'b'.repeat(61)].join('.')

describe('DNS names that are certified', () => {
  it.each([
    'web.example.test',
    'localhost',
    'a',
    '3com.example',
    '1.2.3.4.example',
    'a-b.cde--d.test',
    label63,
    name253,
    '*.example.test',
    'xn--mnchen-3ya.test',
    'xn--fa-hia.test',
    'xn--wgv71a119e',
    '*.xn--mnchen-3ya.test',
  ])('%s', (name) => expect(dns(name)).toBe(name))

  it('are lower-cased', () => {
    expect(dns('WEB.Example.TEST')).toBe('web.example.test')
    expect(dns('XN--MNCHEN-3YA.test')).toBe('xn--mnchen-3ya.test')
  })
})

describe('DNS names that are refused', () => {
  it.each([
    ['', /empty/],
    ['web.example.test\0.evil.test', /NUL/],
    ['web\n.test', /control/],
    ['web .test', /white space/],
    ['web\u00a0.test', /white space/],
    ['web.example.test.', /ends in a dot/],
    ['.', /ends in a dot/],
    ['.web.test', /empty label/],
    ['web..test', /empty label/],
    [`${'a'.repeat(64)}.test`, /more than 63/],
    [`b${name253}`, /longer than 253/],
    [`*.${name253}`, /longer than 253/],
    ['_acme-challenge.example.test', /underscore/],
    ['-web.test', /hyphen/],
    ['web-.test', /hyphen/],
    ['web.test:443', /character other than/],
    ['http://web.test', /character other than/],
    ['user@web.test', /character other than/],
    ['10.0.0.1', /reads as an IP address/],
    ['web.1', /reads as an IP address/],
    ['web.0x7f', /reads as an IP address/],
    ['1', /reads as an IP address/],
    ['0x', /reads as an IP address/],
    ['::1', /character other than/],
  ])('%j', (name, reason) => expectRefusal(() => dns(name), 'badName', reason))

  it.each([
    ['*', /asterisk/],
    ['*.test', /two labels/],
    ['*.', /empty/],
    ['*.*.test', /asterisk/],
    ['web.*.test', /asterisk/],
    ['w*.example.test', /asterisk/],
    ['*w.example.test', /asterisk/],
    ['*.example.test.', /ends in a dot/],
    ['*.0.1', /reads as an IP/],
  ])('wildcard %j', (name, reason) => expectRefusal(() => dns(name), 'badName', reason))

  it.each([
    ['münchen.test', /"xn--mnchen-3ya\.test"/],
    ['日本語', /"xn--wgv71a119e"/],
    // The Kelvin sign lower-cases to a plain k.
    ['\u212aube.test', /outside ASCII/],
    ['web\uff0etest', /outside ASCII/],
    ['a\u202eb.test', /no internationalised name/],
    ['xn--a.test', /valid internationalised/],
    ['xn--.test', /valid internationalised|hyphen/],
    ['xn--0.test', /valid internationalised/],
    // A second spelling of xn--trq: the empty basic part with its delimiter.
    ['xn---trq.test', /valid internationalised/],
    // Lone zero width joiner; snowman and pile of poo are symbols, which IDNA2008 disallows.
    ['xn--1ug.test', /valid internationalised/],
    ['xn--n3h.test', /valid internationalised/],
    ['xn--ls8h.test', /valid internationalised/],
    ['xn--example-.test', /valid internationalised|hyphen/],
    ['xn--web-test.test', /valid internationalised/],
    ['ab--cd.test', /reserved hyphens/],
    ['zz--cd.test', /reserved hyphens/],
  ])('internationalised %j', (name, reason) => expectRefusal(() => dns(name), 'badName', reason))

  it('quote what was sent so that it cannot forge a line of a log', () => {
    expectRefusal(() => dns('a\n\u202eb.test'), 'badName', /^[\x20-\x7e]+$/)
    expectRefusal(() => dns('a '.repeat(5000)), 'badName', /^.{0,300}$/)
  })
})

describe('whatever is sent', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.domain(),
    fc
      .array(fc.constantFrom('a', 'xn--', '.', '*', '-', '_', '0', 'mnchen-3ya', 'É', '\0'))
      .map((parts) => parts.join('')),
  )

  it('is refused, or is a fixed point that is LDH alone', () => {
    fc.assert(
      fc.property(text, (name) => {
        const normal = parsesOrRefuses(() => dns(name))
        if (normal === undefined) return
        expect(dns(normal)).toBe(normal)
        expect(normal).toBe(name.toLowerCase())
        expect(normal).toMatch(/^(\*\.)?([a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}$/)
      }),
      { numRuns: 2000 },
    )
  })

  it('domain names of RFC 1123 are certified', () => {
    fc.assert(
      fc.property(fc.domain(), (name) => {
        fc.pre(!/(^|\.)..--/.test(name))
        expect(dns(name)).toBe(name.toLowerCase())
      }),
    )
  })
})
