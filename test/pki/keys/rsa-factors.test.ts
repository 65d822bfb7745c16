import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readJwk } from '../../../src/acme/jws/jwk.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { bitString, integer, NULL, oid, sequence } from '../../../src/pki/der/write.ts'
import { readPublicKey } from '../../../src/pki/keys/public-key.ts'
import { checkRsaFactors } from '../../../src/pki/keys/rsa-factors.ts'
import { expectAcmeError } from '../../acme/refusal.ts'
import { buildCsr } from '../csr/building.ts'
import { expectRefusal } from '../refusal.ts'
import { chipModulus, closeModulus, fromOctets, fromPrimes, someModulus } from './moduli.ts'

/** Published: of a chip, and of a key in a firmware. Detectors are tested with them. */
const CHIP =
  'kTKtIR_MDftNrkgyashkwifks5Swm9HEkw4ZcCijyQdpTStInk9pdUrq4zjG6tk5xX9AaYXLu47fmiBVzClGvAXTZbpn6JbG1IERUs-i0pBRT5CzUu7vJ_63L72NzVvJFaT0SUE5zByhCjJE-pflMnX1e1UptOdnN5AHeY4RKkugVse3XO2xMs3yH3vTyZdtnaOIFRU0d6E7PrsgRtEAqFHcAGmPUw0ZOW8A--8sS_FlnrxMf9lVa1_8k_A8otPfrNIipfAoq0MKJ-oxE2wML1DDxIGTGmNaN3gPANJyeuca7ptA-NGq5oU1x3pWMXgSvrVSXUooNk8xIkrKxSz3LQ'
const FIRMWARE =
  'nofg7Y0z7BdXvBhh1_16hN27btC97UyPcJQkTTBJG_aS6EX93wo61_kU17jIV64Q_EhGhm8oUFtJGqY71bCm1auP82Lte9yfWW6aLLZbeVrRkr1hXF2QETC1zSlSW6ltu7NDV3VhHUZ-RcHbXNjlvNjQCinK3CW2zFhRdONjSic2tVf6PKp4i0M2qCmw6X3Kw517ed1fBDX5p_gpborEbaxXTdwdEWNOY81AodWmP5rPgl5Hx3_a0vtYOdWr8WgIL1Jw_SkEeTo2R_aIuxFHE8wkA0KNAI0VvsK1qGMPXYN-IPWsd-gspKgVbfuA6jal4JXrmBMdgustOLBRdPMusQ'

const published = (text: string) => fromOctets(Buffer.from(text, 'base64url'))
const spki = (modulus: bigint) => {
  const octets = Buffer.from(modulus.toString(16), 'hex')
  return sequence(
    sequence(oid('1.2.840.113549.1.1.1'), NULL),
    bitString(sequence(integer(octets), integer(65537))),
  )
}

describe('a modulus whose factors can be computed is refused', () => {
  it.each([
    ['of a chip, published', published(CHIP), /CVE-2017-15361/],
    ['made as the chips made 2048 bits', chipModulus(2048, 701), /CVE-2017-15361/],
    ['made as the chips made 3072 bits', chipModulus(3072, 701), /CVE-2017-15361/],
    ['of a firmware, published', published(FIRMWARE), /CVE-2022-26320/],
    ['whose factors are neighbours', closeModulus(2048, 2n), /CVE-2022-26320/],
    ['whose factors have half of their octets in common', closeModulus(4096, 1n << 1020n), /CVE-2022-26320/],
    ['that is a square', closeModulus(2048, 0n), /CVE-2022-26320/],
    ['with the factor 751', fromPrimes(2048, 751n), /small factor/],
    ['with the factor 3', fromPrimes(2048, 3n), /small factor/],
  ])('%s', (_, modulus, reason) => expectRefusal(() => readPublicKey(spki(modulus)), 'weakKey', reason))

  it('in a CSR, and in the key of an ACME account', async () => {
    const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const csr = buildCsr({ key, spki: spki(published(CHIP)), sign: (info) => sign('sha256', info, key) })
    expectRefusal(() => parseCsr(csr), 'weakKey', /CVE-2017-15361/)
    await expectAcmeError(
      () => readJwk({ kty: 'RSA', n: FIRMWARE, e: 'AQAB' }),
      'badPublicKey',
      /CVE-2022-26320/,
    )
  })
})

describe('any other is taken', () => {
  it.each([
    ['of a key that OpenSSL made', () => fromKeyPair(2048)],
    ['of 8192 bits', () => fromOctets(someModulus(8192))],
    ['whose factors differ in their upper half', () => closeModulus(2048, 1n << 540n)],
    ['with the factor 757', () => fromPrimes(2048, 757n)],
    ['that is a power of 65537 modulo the first primes alone', () => chipModulus(2048, 167)],
  ])('%s', (_, modulus) => expect(() => checkRsaFactors(modulus())).not.toThrow())
})

function fromKeyPair(modulusLength: number): bigint {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return published(publicKey.export({ format: 'jwk' }).n!)
}
