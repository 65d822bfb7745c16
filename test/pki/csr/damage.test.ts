import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CaError } from '../../../src/errors.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { proveCsr } from '../../../src/pki/csr/prove.ts'
import { octetString, sequence, tlv } from '../../../src/pki/der/write.ts'
import { parsesOrRefuses } from '../refusal.ts'
import { buildCsr, dnsNames, extension, requesting } from './building.ts'

const keys: KeyObject[] = [
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  generateKeyPairSync('ed25519').privateKey,
]
const csrs = keys.map((key) =>
  buildCsr({
    key,
    attributes: requesting(
      dnsNames('web.example.test', '*.example.test'),
      extension('2.5.29.15', Buffer.from('03020780', 'hex'), true),
    ),
  }),
)
const anyCsr = fc.constantFrom(...csrs)

/** True if the bytes parse and prove. Throws what is not a CaError. */
async function proves(der: Uint8Array): Promise<boolean> {
  const csr = parsesOrRefuses(() => parseCsr(der))
  if (!csr) return false
  return proveCsr(csr).then(
    () => true,
    (error: unknown) => {
      if (error instanceof CaError) return false
      throw error
    },
  )
}

it('the CSRs that are about to be damaged prove their keys', async () =>
  expect(await Promise.all(csrs.map(proves))).toEqual([true, true, true]))

describe('a damaged CSR is parsed or refused, never anything else', () => {
  it('any single bit flipped: nothing that was signed may change', async () => {
    for (const der of csrs) {
      const { signed } = parseCsr(der)
      const start = der.indexOf(signed)
      for (let bit = 0; bit < der.length * 8; bit++) {
        const damaged = Buffer.from(der)
        damaged[bit >> 3]! ^= 0x80 >> (bit & 7)
        const proven = await proves(damaged)
        const inSigned = bit >> 3 >= start && bit >> 3 < start + signed.length
        if (inSigned) expect(proven, `bit ${bit}`).toBe(false)
      }
    }
  }, 60_000)

  it('truncated anywhere: never proven', async () => {
    for (const der of csrs) {
      for (let length = 0; length < der.length; length++)
        expect(await proves(der.subarray(0, length))).toBe(false)
    }
  })

  it('random bytes, alone or spliced in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await proves(bytes)).toBe(false)
      }),
    )
    await fc.assert(
      fc.asyncProperty(
        anyCsr,
        fc.nat(),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        async (der, at, cut, bytes) => {
          const start = at % der.length
          const spliced = Buffer.concat([der.subarray(0, start), bytes, der.subarray(start + cut)])
          if (await proves(spliced)) expect(parseCsr(spliced).signed).toEqual(parseCsr(der).signed)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('several octets changed', async () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(anyCsr, changes, async (der, changes) => {
        const damaged = Buffer.from(der)
        for (const [at, octet] of changes) damaged[at % der.length] = octet
        if (await proves(damaged)) expect(parseCsr(damaged).signed).toEqual(parseCsr(der).signed)
      }),
      { numRuns: 2000 },
    )
  })

  it('nested without end', async () => {
    for (const tag of [0x30, 0x31, 0xa0, 0x24]) {
      let nested = octetString(Buffer.from('x'))
      while (nested.length < 65_000) nested = tlv(tag, nested)
      expect(await proves(nested)).toBe(false)
      expect(await proves(sequence(nested.subarray(0, 60_000)))).toBe(false)
      for (const der of csrs) {
        const { signed } = parseCsr(der)
        expect(
          await proves(sequence(tlv(tag, nested.subarray(-60_000)), der.subarray(4 + signed.length))),
        ).toBe(false)
      }
    }
  })
})

describe('weak keys are refused before their signature is looked at', () => {
  it.each([
    ['RSA-1024', generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey, 'weakKey'],
    [
      'exponent 3',
      generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey,
      'weakKey',
    ],
    ['RSA-2560', generateKeyPairSync('rsa', { modulusLength: 2560 }).privateKey, 'unsupportedAlgorithm'],
    ['P-224', generateKeyPairSync('ec', { namedCurve: 'P-224' }).privateKey, 'weakKey'],
    [
      'explicit parameters',
      generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey,
      'unsupportedAlgorithm',
    ],
  ])('%s', (_, key, code) => {
    expect(() => parseCsr(buildCsr({ key }))).toThrow(expect.objectContaining({ code }))
  })
})
