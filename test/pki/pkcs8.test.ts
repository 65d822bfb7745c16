import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { CaError } from '../../src/errors.ts'
import { decryptPkcs8, encryptPkcs8 } from '../../src/pki/keys/pkcs8.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { runTool, toolIsMissing } from './external-tool.ts'

const PASSPHRASE = 'correct horse – battery'
const CHEAP = { N: 1024, r: 8, p: 1 }

const keys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  'RSA-2048': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
}
const plainDer = (key: KeyObject) => key.export({ format: 'der', type: 'pkcs8' })
const plainPem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString()

describe.each(Object.entries(keys))('encryptPkcs8 of a %s key', (_, key) => {
  it('is read by node:crypto and by decryptPkcs8', async () => {
    const pem = await encryptPkcs8(key, PASSPHRASE)
    expect(plainDer(createPrivateKey({ key: pem, passphrase: PASSPHRASE })).equals(plainDer(key))).toBe(true)
    expect((await decryptPkcs8(pem, PASSPHRASE)).equals(key)).toBe(true)
    expect((await decryptPkcs8(pem, Buffer.from(PASSPHRASE))).equals(key)).toBe(true)
  })

  it.skipIf(toolIsMissing('openssl'))('is read by openssl', async () => {
    const files = { 'key.pem': await encryptPkcs8(key, PASSPHRASE), passphrase: `${PASSPHRASE}\n` }
    const read = runTool('openssl', ['pkey', '-in', 'key.pem', '-passin', 'file:passphrase'], files)
    expect(read).toBe(plainPem(key))
  })
})

describe('encryptPkcs8', () => {
  const key = keys['P-256']

  it('names scrypt and AES-256-CBC, and never uses a salt or vector twice', async () => {
    const [first, second] = await Promise.all([
      encryptPkcs8(key, PASSPHRASE, CHEAP),
      encryptPkcs8(key, PASSPHRASE, CHEAP),
    ])
    expect(first).not.toBe(second)
    const der = decodePem(first, 'key')[0]!.der.toString('hex')
    // The OIDs of scrypt (RFC 7914 7) and aes256-CBC-PAD (RFC 8018 B.2.5).
    expect(der).toContain('06092b06010401da47040b')
    expect(der).toContain('060960864801650304012a')
  })

  it('refuses a passphrase that no reader would take, and does not repeat it', async () => {
    const long = 'x'.repeat(1025)
    for (const passphrase of ['', Buffer.alloc(0), long]) {
      await expect(encryptPkcs8(key, passphrase, CHEAP)).rejects.toThrow(
        expect.objectContaining({ code: 'badConfiguration' }),
      )
    }
    await expect(encryptPkcs8(key, long, CHEAP)).rejects.not.toThrow(/xx/)
    const longest = 'x'.repeat(1024)
    expect((await decryptPkcs8(await encryptPkcs8(key, longest, CHEAP), longest)).equals(key)).toBe(true)
  })

  it('refuses a cost that readers refuse, and takes the highest below', async () => {
    await expect(encryptPkcs8(key, PASSPHRASE, { N: 32768, r: 8, p: 1 })).rejects.toThrow(RangeError)
    const pem = await encryptPkcs8(key, PASSPHRASE, { N: 16384, r: 8, p: 4 })
    expect((await decryptPkcs8(pem, PASSPHRASE)).equals(key)).toBe(true)
  })
})

describe('decryptPkcs8', () => {
  const key = keys['P-256']
  const badConfiguration = expect.objectContaining({ code: 'badConfiguration' })

  it('refuses a wrong passphrase without repeating either', async () => {
    const pem = await encryptPkcs8(key, PASSPHRASE, CHEAP)
    for (const wrong of ['wrong-guess', '', 'x'.repeat(2000)]) {
      await expect(decryptPkcs8(pem, wrong)).rejects.toThrow(badConfiguration)
    }
    const error: CaError = await decryptPkcs8(pem, 'wrong-guess').then(
      () => expect.fail('was read'),
      (reason) => reason,
    )
    expect(`${error} ${error.cause}`).not.toMatch(/wrong-guess|correct horse/)
  })

  it('refuses a key that is not encrypted, alone or beside one that is', async () => {
    const pem = await encryptPkcs8(key, PASSPHRASE, CHEAP)
    await expect(decryptPkcs8(plainPem(key), PASSPHRASE)).rejects.toThrow(badConfiguration)
    await expect(decryptPkcs8(plainPem(key) + pem, PASSPHRASE)).rejects.toThrow(badConfiguration)
    const sec1 = key.export({ format: 'pem', type: 'sec1' }).toString()
    await expect(decryptPkcs8(sec1 + pem, PASSPHRASE)).rejects.toThrow(badConfiguration)
  })

  it('refuses what is damaged or something else, always with a CaError', async () => {
    const pem = await encryptPkcs8(key, PASSPHRASE, CHEAP)
    const { der } = decodePem(pem, 'key')[0]!
    await expect(decryptPkcs8('', PASSPHRASE)).rejects.toThrow(badConfiguration)
    for (let length = 1; length < der.length; length += 7) {
      const cut = encodePem('ENCRYPTED PRIVATE KEY', der.subarray(0, length))
      await expect(decryptPkcs8(cut, PASSPHRASE)).rejects.toThrow(badConfiguration)
    }
  })

  it('reads PBKDF2 keys of Node, and lines that end in CRLF', async () => {
    const pem = key
      .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: PASSPHRASE })
      .toString()
    expect((await decryptPkcs8(pem, PASSPHRASE)).equals(key)).toBe(true)
    expect((await decryptPkcs8(pem.replaceAll('\n', '\r\n'), PASSPHRASE)).equals(key)).toBe(true)
  })

  it.skipIf(toolIsMissing('openssl'))('reads keys that openssl encrypted with scrypt', async () => {
    const options = ['pkcs8', '-topk8', '-scrypt', '-in', 'key.pem', '-passout', 'pass:secret']
    const pem = runTool('openssl', options, { 'key.pem': plainPem(key) })
    expect((await decryptPkcs8(pem, 'secret')).equals(key)).toBe(true)
  })
})
