import { describe, expect, it } from 'vitest'
import { CaError } from '../../../src/errors.ts'
import { generalSubtrees, type NameSubtrees } from '../../../src/pki/certificate/general-subtrees.ts'

const hex = (subtrees: NameSubtrees) => generalSubtrees(subtrees).map((bytes) => bytes.toString('hex'))

describe('generalSubtrees', () => {
  it('encodes networks as address and mask', () => {
    expect(hex({ ip: ['10.0.0.0/8', '192.0.2.128/25', '0.0.0.0/0', '192.0.2.1/32'] })).toEqual([
      '300a87080a000000ff000000',
      '300a8708c0000280ffffff80',
      '300a87080000000000000000',
      '300a8708c0000201ffffffff',
    ])
    expect(hex({ ip: ['2001:db8::/32'] })).toEqual([
      `30228720${'20010db8'.padEnd(32, '0')}${'ffffffff'.padEnd(32, '0')}`,
    ])
  })

  it('puts hosts in lower case and keeps the dot that means "below"', () => {
    const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex')
    expect(hex({ dns: ['Example.test'] })).toEqual([`300e820c${ascii('example.test')}`])
    expect(hex({ email: ['.example.test', 'Me@Example.test'] })).toEqual([
      `300f810d${ascii('.example.test')}`,
      `3011810f${ascii('Me@example.test')}`,
    ])
    expect(hex({ uri: ['.example.test'] })).toEqual([`300f860d${ascii('.example.test')}`])
  })

  it.each<NameSubtrees>([
    { dns: ['.example.test'] },
    { dns: ['*.example.test'] },
    { dns: [''] },
    { dns: ['münchen.test'] },
    { ip: ['10.0.0.0'] },
    { ip: ['10.0.0.1/8'] },
    { ip: ['10.0.0.0/33'] },
    { ip: ['10.0.0.0/08'] },
    { ip: ['2001:db8::1/64'] },
    { ip: ['2001:db8::/129'] },
    { ip: ['example.test/8'] },
    { email: ['a b@example.test'] },
    { email: ['@example.test'] },
    { email: ['..example.test'] },
    { uri: ['https://example.test'] },
    { uri: ['example.test:443'] },
  ])('refuses %j', (subtrees) => {
    expect(() => generalSubtrees(subtrees)).toThrow(expect.objectContaining({ code: 'badName' }))
    expect(() => generalSubtrees(subtrees)).toThrow(CaError)
  })
})
