import { verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createKeySigner, quickKey } from '../../src/ca/key-signer.ts'
import { type HashName, type KeyType, SIGNATURE_ALGORITHMS } from '../../src/pki/keys/algorithms.ts'
import { newKey } from '../api/requests.ts'

const TBS = Buffer.from('to be signed')

describe('a signer', () => {
  test.for<[KeyType, HashName | null, string]>([
    ['P-256', null, 'ecdsa-with-SHA256'],
    ['P-256', 'sha384', 'ecdsa-with-SHA384'],
    ['P-384', null, 'ecdsa-with-SHA384'],
    ['P-521', null, 'ecdsa-with-SHA512'],
    ['RSA-2048', null, 'sha256WithRSAEncryption'],
    ['RSA-2048', 'sha512', 'sha512WithRSAEncryption'],
    ['Ed25519', null, 'Ed25519'],
  ])('of %s and %s is %s, and its signature verifies', async ([type, hash, name]) => {
    const { algorithm, publicKey, spki, sign } = createKeySigner(newKey(type), hash)
    expect(algorithm.name).toBe(name)
    expect(SIGNATURE_ALGORITHMS).toContain(algorithm)
    const signature = await sign(TBS)
    expect(verify(algorithm.hash, TBS, publicKey, signature)).toBe(true)
    expect(verify(algorithm.hash, Buffer.from('other'), publicKey, signature)).toBe(false)
    expect(publicKey.export({ type: 'spki', format: 'der' })).toEqual(spki)
  })

  test('has no way to its private key', () => {
    const signer = createKeySigner(newKey(), null)
    expect(Object.keys(signer).sort()).toEqual(['algorithm', 'publicKey', 'sign', 'spki'])
    expect(signer.publicKey.type).toBe('public')
  })

  test.for<[KeyType, boolean]>([
    ['P-256', true],
    ['Ed25519', true],
    ['P-384', false],
    ['RSA-2048', false],
  ])('of %s lends its key to the thread that records: %s', ([type, lends]) => {
    const key = newKey(type)
    const signer = createKeySigner(key, null)
    expect(quickKey(signer)).toBe(lends ? key : null)
    expect(quickKey({ ...signer })).toBeNull()
  })
})
