import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import type { CaError } from '../../src/errors.ts'
import { DerReader } from '../../src/pki/der/read.ts'
import { TAG } from '../../src/pki/der/write.ts'
import { readPbes2 } from '../../src/pki/keys/pbes2.ts'
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
/** What is in the file, which must be of PBES2. */
const encrypted = (pem: string) => readPbes2(decodePem(pem, 'key')[0]!.der)!
const saltOf = (pem: string) => {
  const kdf = new DerReader(encrypted(pem).kdf.content, 'key')
  kdf.oid()
  return kdf.enter().expect(TAG.octetString).content.toString('hex')
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

  it('names scrypt and AES-256-CBC, and never uses a vector twice', async () => {
    const [first, second] = await Promise.all([
      encryptPkcs8(key, PASSPHRASE, CHEAP),
      encryptPkcs8(key, PASSPHRASE, CHEAP),
    ])
    const [one, other] = [encrypted(first), encrypted(second)]
    expect(one.iv.equals(other.iv)).toBe(false)
    expect(one.ciphertext.equals(other.ciphertext)).toBe(false)
    const der = decodePem(first, 'key')[0]!.der.toString('hex')
    // The OIDs of scrypt (RFC 7914 7) and aes256-CBC-PAD (RFC 8018 B.2.5).
    expect(der).toContain('06092b06010401da47040b')
    expect(der).toContain('060960864801650304012a')
  })

  it('gives the files of one passphrase one salt, and those of another another', async () => {
    const salt = async (passphrase: string) => saltOf(await encryptPkcs8(key, passphrase, CHEAP))
    expect(await salt('a passphrase')).toBe(await salt('a passphrase'))
    expect(await salt('a passphrase')).not.toBe(await salt('another passphrase'))
  })

  it('goes on with the salt of a file that the passphrase opened, and with that of no other', async () => {
    const restarted = async () => {
      vi.resetModules()
      return import('../../src/pki/keys/pkcs8.ts')
    }
    const written = await encryptPkcs8(key, 'before', CHEAP)
    const { decryptPkcs8: open, encryptPkcs8: encrypt } = await restarted()
    await expect(open(written, 'guessed')).rejects.toThrow()
    expect(saltOf(await encrypt(key, 'guessed', CHEAP))).not.toBe(saltOf(written))
    expect((await open(written, 'before')).equals(key)).toBe(true)
    expect(saltOf(await encrypt(key, 'before', CHEAP))).toBe(saltOf(written))
  })

  it('opens files that it wrote and that it did not, one after the other and at once', async () => {
    const files = await Promise.all(
      Object.values(keys).map(async (one) => ({ one, pem: await encryptPkcs8(one, PASSPHRASE, CHEAP) })),
    )
    const opened = await Promise.all(files.map(({ pem }) => decryptPkcs8(pem, PASSPHRASE)))
    expect(opened.map((one, i) => one.equals(files[i]!.one))).not.toContain(false)
    await expect(decryptPkcs8(files[0]!.pem, 'wrong-guess')).rejects.toThrow()
    expect((await decryptPkcs8(files[0]!.pem, PASSPHRASE)).equals(files[0]!.one)).toBe(true)
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
