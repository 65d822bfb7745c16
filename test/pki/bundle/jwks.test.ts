import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { spiffeBundle } from '../../../src/pki/bundle/jwks.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { makeRoot, newKeyPair } from '../certificate/sample.ts'

const ec = newKeyPair()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed25519 = generateKeyPairSync('ed25519')
const roots = [
  makeRoot(ec),
  makeRoot(rsa, signatureAlgorithm('rsa', 'sha256')),
  makeRoot(ed25519, signatureAlgorithm('ed25519', null)),
]

describe('spiffeBundle', () => {
  const bundle = spiffeBundle(roots, 7, 300)

  it('carries each root once, with the key that verifies it', () => {
    expect(bundle.keys.map(({ kty }) => kty)).toEqual(['EC', 'RSA', 'OKP'])
    bundle.keys.forEach((jwk, index) => {
      expect(jwk.x5c).toEqual([roots[index]!.toString('base64')])
      const certificate = new X509Certificate(Buffer.from(jwk.x5c[0], 'base64'))
      const key = createPublicKey({ key: JSON.parse(JSON.stringify(jwk)), format: 'jwk' })
      expect(certificate.verify(key)).toBe(true)
    })
  })

  it('has the members that the SPIFFE specification wants, and no others', () => {
    expect(Object.keys(bundle).sort()).toEqual(['keys', 'spiffe_refresh_hint', 'spiffe_sequence'])
    expect([bundle.spiffe_sequence, bundle.spiffe_refresh_hint]).toEqual([7, 300])
    expect(Object.keys(bundle.keys[0]!).sort()).toEqual(['crv', 'kty', 'use', 'x', 'x5c', 'y'])
    expect(bundle.keys.every(({ use }) => use === 'x509-svid')).toBe(true)
    expect(spiffeBundle([], 1, 60)).toEqual({ keys: [], spiffe_sequence: 1, spiffe_refresh_hint: 60 })
  })

  it('refuses what is not a certificate', () => {
    const code = expect.objectContaining({ code: 'badAuthorityCertificate' })
    expect(() => spiffeBundle([roots[0]!.subarray(1)], 1, 60)).toThrow(code)
  })
})
