import { randomBytes } from 'node:crypto'
import * as pkijs from 'pkijs'
import { describe, expect, it } from 'vitest'
import { oaepAlgorithm } from '../../../src/pki/cms/capabilities.ts'
import type { Recipient } from '../../../src/pki/cms/recipient-info.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import { readPublicKey } from '../../../src/pki/keys/public-key.ts'
import { spkiOf } from '../certificate/sample.ts'
import {
  encryptedPrivateKey,
  keyPairOf,
  onlyKey,
  pkcs8Of,
  recipientCertificate,
  signerWith,
} from './reading.ts'

const exact = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

/** PKI.js is a parser of its own, beside OpenSSL's. */
describe('PKI.js', () => {
  const signer = signerWith('P-256')
  const pkcs8 = pkcs8Of(keyPairOf('P-256').privateKey)

  async function keyIn(message: Buffer, opened: pkijs.EnvelopedDataDecryptParams): Promise<Buffer> {
    const content = pkijs.ContentInfo.fromBER(exact(message))
    const enveloped = new pkijs.EnvelopedData({ schema: content.content })
    expect(enveloped.encryptedContentInfo.contentType).toBe('1.2.840.113549.1.7.2')
    const signed = pkijs.SignedData.fromBER(await enveloped.decrypt(0, opened))
    expect(signed.encapContentInfo.eContentType).toBe('2.16.840.1.101.2.1.2.78.5')
    const trusted = pkijs.Certificate.fromBER(exact(signer.certificate))
    expect(await signed.verify({ signer: 0, trustedCerts: [trusted] })).toBe(true)
    return onlyKey(Buffer.from(signed.encapContentInfo.eContent!.getValue()))
  }

  it.each(['RSA-2048', 'P-256', 'P-384'] as const)(
    'decrypts with a %s key, and proves the signature',
    async (type) => {
      const keys = keyPairOf(type)
      const { der, keyIdentifier } = recipientCertificate(keys)
      const recipient: Recipient = {
        method: 'asymmetric',
        keyIdentifier,
        publicKey: readPublicKey(spkiOf(keys.publicKey)),
      }
      const algorithm = new DerReader(oaepAlgorithm('sha256'), 'algorithm').enter()
      const capability = { oid: algorithm.oid(), parameters: algorithm.next().bytes }
      const message = await encryptedPrivateKey(pkcs8, signer, recipient, [capability])
      const found = await keyIn(message, {
        recipientCertificate: pkijs.Certificate.fromBER(exact(der)),
        recipientPrivateKey: exact(pkcs8Of(keys.privateKey)),
      })
      expect(found.equals(pkcs8)).toBe(true)
    },
  )

  it('decrypts with a secret, and proves the signature', async () => {
    const secret = randomBytes(32)
    const recipient = { method: 'symmetric', keyIdentifier: Buffer.from('kek'), secret } as const
    const message = await encryptedPrivateKey(pkcs8, signer, recipient, [])
    const found = await keyIn(message, { preDefinedData: exact(secret) })
    expect(found.equals(pkcs8)).toBe(true)
  })
})
