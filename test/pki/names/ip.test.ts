import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ipBytes, ipText } from '../../../src/pki/names/ip.ts'
import { normaliseName } from '../../../src/pki/names/normalise.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'

const ip = (value: string) => normaliseName('ip', value).value

describe('canonical text', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    // RFC 5952 4.2.2: one zero group is not shortened. 4.2.3: the longest run, the first of equals.
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::0:1.2.3.4', '::102:304'],
  ])('%s is %s', (text, canonical) => expect(ip(text)).toBe(canonical))

  it('is what a URL parser writes', () => {
    const address = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(address, (words) => {
        fc.pre(!(words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0)))
        const text = words.map((word) => word.toString(16)).join(':')
        expect(ip(text)).toBe(new URL(`http://[${text}]/`).hostname.slice(1, -1))
      }),
      { numRuns: 1000 },
    )
  })

  it('is the same address in every spelling, and reads back to the same octets', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = parsesOrRefuses(() => ip(text))
        if (canonical === undefined) return
        expect(ip(canonical)).toBe(canonical)
        expect(ipText(ipBytes(canonical))).toBe(canonical)
        const block = new BlockList()
        block.addAddress(text, isIP(text) === 4 ? 'ipv4' : 'ipv6')
        expect(block.check(canonical, isIP(canonical) === 4 ? 'ipv4' : 'ipv6')).toBe(true)
      }),
    )
  })
})

describe('addresses that are refused', () => {
  it.each([
    ['', /neither/],
    ['10.0.0', /neither/],
    ['10.0.0.256', /neither/],
    ['010.0.0.1', /neither/],
    ['0x0a.0.0.1', /neither/],
    ['10.0.0.1 ', /neither/],
    ['10.0.0.1\0', /neither/],
    ['167772161', /neither/],
    ['1::2::3', /neither/],
    ['[::1]', /neither/],
    ['12345::', /neither/],
    ['10.0.0.0/8', /network/],
    ['fe80::1%eth0', /zone/],
    ['::ffff:10.0.0.1', /mapped/],
    ['::FFFF:a00:1', /mapped/],
    ['web.example.test', /neither/],
  ])('%j', (text, reason) => expectRefusal(() => ip(text), 'badName', reason))

  it.each([0, 3, 5, 8, 15, 17, 32])('%i octets', (length) =>
    expectRefusal(() => ipText(Buffer.alloc(length)), 'badName', /octets/),
  )
})
