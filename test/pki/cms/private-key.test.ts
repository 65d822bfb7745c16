import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { oaepAlgorithm } from '../../../src/pki/cms/capabilities.ts'
import type { Recipient } from '../../../src/pki/cms/recipient-info.ts'
import type { SmimeCapability } from '../../../src/pki/csr/key-protection.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import { oid, sequence, TAG } from '../../../src/pki/der/write.ts'
import type { KeyType } from '../../../src/pki/keys/algorithms.ts'
import { readPublicKey } from '../../../src/pki/keys/public-key.ts'
import { type KeyPair, spkiOf } from '../certificate/sample.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'
import {
  decryptBySecret,
  decryptWith,
  encryptedPrivateKey,
  keyPairOf,
  onlyKey,
  pkcs8Of,
  recipientCertificate,
  signerWith,
  verifiedContent,
} from './reading.ts'

const made = keyPairOf('P-256')
const pkcs8 = pkcs8Of(made.privateKey)

const capability = (id: string, parameters: Buffer | null = null): SmimeCapability => ({
  oid: id,
  parameters,
})
const AES_256_CBC = capability('2.16.840.1.101.3.4.1.42')
const AES_192_CBC = capability('2.16.840.1.101.3.4.1.22')
const AES_128_CBC = capability('2.16.840.1.101.3.4.1.2')
const TRIPLE_DES = capability('1.2.840.113549.3.7')
const RSA = capability('1.2.840.113549.1.1.1')
const OAEP = capability('1.2.840.113549.1.1.7')
const oaep = (hash: Parameters<typeof oaepAlgorithm>[0]) => {
  const reader = new DerReader(oaepAlgorithm(hash), 'algorithm').enter()
  reader.oid()
  return { ...OAEP, parameters: reader.next().bytes }
}

function recipientOf(keys: KeyPair): Recipient {
  const { keyIdentifier } = recipientCertificate(keys)
  return { method: 'asymmetric', keyIdentifier, publicKey: readPublicKey(spkiOf(keys.publicKey)) }
}

/** What openssl calls the algorithms of a message, in their order. */
function algorithmsOf(message: Buffer): string[] {
  const printed = runTool('openssl', ['asn1parse', '-inform', 'DER', '-in', 'm'], { m: message })
  return [...printed.matchAll(/OBJECT +:(.+)$/gm)].map(([, name]) => name!.trim()).slice(1)
}

describe.skipIf(toolIsMissing('openssl'))('a private key for one client, read by openssl', () => {
  it.each<KeyType>(['P-256', 'P-384', 'P-521', 'RSA-2048'])(
    'is signed by an authority with a %s key',
    async (type) => {
      const signer = signerWith(type)
      const secret = randomBytes(32)
      const identifier = Buffer.from('c0ffee', 'hex')
      const recipient = { method: 'symmetric', keyIdentifier: identifier, secret } as const
      const message = await encryptedPrivateKey(pkcs8, signer, recipient, [])
      const signed = decryptBySecret(secret, identifier, message)
      const key = onlyKey(verifiedContent(signed, signer))
      expect(key.equals(pkcs8)).toBe(true)
      const printed = runTool('openssl', ['pkey', '-inform', 'DER', '-in', 'k', '-pubout'], { k: key })
      expect(printed).toBe(made.publicKey.export({ type: 'spki', format: 'pem' }))
    },
  )

  const signer = signerWith('P-256')

  it.each([
    [[], ['rsaEncryption', 'pkcs7-signedData', 'aes-256-cbc']],
    [
      [AES_128_CBC, TRIPLE_DES, RSA],
      ['rsaEncryption', 'pkcs7-signedData', 'aes-128-cbc'],
    ],
    [
      [AES_128_CBC, AES_192_CBC],
      ['rsaEncryption', 'pkcs7-signedData', 'aes-192-cbc'],
    ],
    [
      [AES_256_CBC, AES_128_CBC, RSA, OAEP],
      ['rsaesOaep', 'sha256', 'mgf1', 'sha256', 'pkcs7-signedData', 'aes-256-cbc'],
    ],
    [
      [oaep('sha1'), oaep('sha384')],
      ['rsaesOaep', 'sha384', 'mgf1', 'sha384', 'pkcs7-signedData', 'aes-256-cbc'],
    ],
    [[oaep('sha512')], ['rsaesOaep', 'sha512', 'mgf1', 'sha512', 'pkcs7-signedData', 'aes-256-cbc']],
    [[oaep('sha1')], ['rsaesOaep', 'pkcs7-signedData', 'aes-256-cbc']],
  ])('is encrypted to an RSA key by what the client can read: %j', async (capabilities, expected) => {
    const keys = keyPairOf('RSA-2048')
    const message = await encryptedPrivateKey(pkcs8, signer, recipientOf(keys), capabilities)
    expect(algorithmsOf(message)).toEqual(expected)
    const key = onlyKey(verifiedContent(decryptWith(keys, message), signer))
    expect(key.equals(pkcs8)).toBe(true)
  })

  const ecdh = (wrap: string) => capability('1.3.132.1.11.1', sequence(oid(wrap)))

  it.each([
    ['P-256', [], 'id-aes256-wrap'],
    ['P-384', [ecdh('2.16.840.1.101.3.4.1.5')], 'id-aes128-wrap'],
    ['P-521', [capability('2.16.840.1.101.3.4.1.25')], 'id-aes192-wrap'],
    ['secp256k1', [ecdh('2.16.840.1.101.3.4.1.5'), ecdh('2.16.840.1.101.3.4.1.45')], 'id-aes256-wrap'],
  ] as const)('is encrypted to a %s key by key agreement: %j', async (type, capabilities, wrap) => {
    const keys = keyPairOf(type)
    const message = await encryptedPrivateKey(pkcs8, signer, recipientOf(keys), capabilities)
    expect(algorithmsOf(message).slice(2)).toEqual([
      'dhSinglePass-stdDH-sha256kdf-scheme',
      wrap,
      'pkcs7-signedData',
      'aes-256-cbc',
    ])
    const key = onlyKey(verifiedContent(decryptWith(keys, message), signer))
    expect(key.equals(pkcs8)).toBe(true)
  })

  it.each([16, 24, 32])('is encrypted with a secret of %i octets', async (length) => {
    const secret = randomBytes(length)
    const identifier = Buffer.from('key of router 7')
    const recipient = { method: 'symmetric', keyIdentifier: identifier, secret } as const
    const message = await encryptedPrivateKey(pkcs8, signer, recipient, [AES_128_CBC])
    expect(algorithmsOf(message)).toEqual([`id-aes${length * 8}-wrap`, 'pkcs7-signedData', 'aes-128-cbc'])
    const key = onlyKey(verifiedContent(decryptBySecret(secret, identifier, message), signer))
    expect(key.equals(pkcs8)).toBe(true)
  })

  it('is not decrypted with another secret', async () => {
    const identifier = Buffer.from('01', 'hex')
    const recipient = { method: 'symmetric', keyIdentifier: identifier, secret: randomBytes(32) } as const
    const message = await encryptedPrivateKey(pkcs8, signer, recipient, [])
    expect(() => decryptBySecret(randomBytes(32), identifier, message)).toThrow(/unwrap/)
  })

  it('is not taken for the work of another signer', async () => {
    const secret = randomBytes(32)
    const identifier = Buffer.from('01', 'hex')
    const recipient = { method: 'symmetric', keyIdentifier: identifier, secret } as const
    const signed = decryptBySecret(
      secret,
      identifier,
      await encryptedPrivateKey(pkcs8, signer, recipient, []),
    )
    expect(() => verifiedContent(signed, signerWith('P-256'))).toThrow(/certificate verify error/)
  })
})

describe('encryptedKeyPackage', () => {
  const signer = signerWith('P-256')

  it('refuses a key that can only sign', async () => {
    const keys = keyPairOf('Ed25519')
    const recipient: Recipient = {
      method: 'asymmetric',
      keyIdentifier: Buffer.from('01', 'hex'),
      publicKey: readPublicKey(spkiOf(keys.publicKey)),
    }
    await expect(encryptedPrivateKey(pkcs8, signer, recipient, [])).rejects.toThrow(
      expect.objectContaining({ code: 'unsupportedAlgorithm' }),
    )
  })

  it('refuses a secret that AES cannot take', async () => {
    const recipient = {
      method: 'symmetric',
      keyIdentifier: Buffer.from('01'),
      secret: randomBytes(20),
    } as const
    await expect(encryptedPrivateKey(pkcs8, signer, recipient, [])).rejects.toThrow(RangeError)
  })

  it('names the recipient by the identifier that it was given, and no other', async () => {
    const keys = keyPairOf('RSA-2048')
    const keyIdentifier = Buffer.from('any octets at all')
    const recipient = { ...recipientOf(keys), keyIdentifier } as Recipient
    const message = await encryptedPrivateKey(pkcs8, signer, recipient, [])
    const envelope = new DerReader(message, 'message').enter()
    envelope.oid()
    const data = envelope.enter(0xa0).enter()
    expect(data.smallInteger()).toBe(2)
    const info = data.enter(TAG.set).enter()
    expect(info.smallInteger()).toBe(2)
    expect(info.expect(0x80).content.equals(keyIdentifier)).toBe(true)
  })
})
