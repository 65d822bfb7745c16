import { createHash, verify, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { CONTENT_TYPE } from '../../../src/pki/cms/content-info.ts'
import { unsignedData } from '../../../src/pki/cms/signed-data.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import { octetString, oid, sequence, setOf, TAG, tlv } from '../../../src/pki/der/write.ts'
import { makeLeaf, makeRoot, newKeyPair } from '../certificate/sample.ts'
import { toolIsMissing } from '../external-tool.ts'
import { type Signing, signerWith, verifiedContent } from './reading.ts'

const content = sequence(octetString(Buffer.from('content')))

function signedBy(signing: Signing): Buffer {
  const unsigned = unsignedData(CONTENT_TYPE.asymmetricKeyPackage, content, signing)
  return unsigned.assemble(signing.sign(unsigned.toBeSigned))
}

/** The members of a SignedData, and of its only SignerInfo. */
function members(signed: Buffer) {
  const reader = new DerReader(signed, 'SignedData').enter()
  const version = reader.smallInteger()
  const digests = reader.expect(TAG.set).bytes
  reader.enter()
  const certificates = reader.enter(0xa0)
  const info = reader.enter(TAG.set).enter()
  reader.end()
  info.smallInteger()
  info.enter()
  const digest = info.next().bytes
  const attributes = info.expect(0xa0).content
  const algorithm = info.next().bytes
  const signature = info.expect(TAG.octetString).content
  info.end()
  return { version, digests, certificates, digest, attributes, algorithm, signature }
}

describe('unsignedData', () => {
  // OpenSSL 3.0 cannot verify such a message, so its parts are looked at here.
  it('has an Ed25519 signature over SHA-512 of the content (RFC 8419 3)', () => {
    const signer = signerWith('Ed25519')
    const signed = members(signedBy(signer))
    const sha512 = sequence(oid('2.16.840.1.101.3.4.2.3'))
    expect(signed.version).toBe(3)
    expect(signed.digests.equals(setOf(sha512))).toBe(true)
    expect(signed.digest.equals(sha512)).toBe(true)
    expect(signed.algorithm.equals(sequence(oid('1.3.101.112')))).toBe(true)
    const digest = createHash('sha512').update(content).digest()
    const attributes = setOf(
      sequence(oid('1.2.840.113549.1.9.3'), setOf(CONTENT_TYPE.asymmetricKeyPackage)),
      sequence(oid('1.2.840.113549.1.9.4'), setOf(octetString(digest))),
    )
    expect(tlv(TAG.set, signed.attributes).equals(attributes)).toBe(true)
    const { publicKey } = new X509Certificate(signer.certificate)
    expect(verify(null, attributes, publicKey, signed.signature)).toBe(true)
  })

  it('holds the chain, sorted as DER wants it', () => {
    const keys = newKeyPair()
    const chain = [makeLeaf(keys), makeRoot(keys), makeLeaf(keys)]
    const signer = { ...signerWith('P-256'), chain }
    const { certificates } = members(signedBy(signer))
    const found: Buffer[] = []
    while (!certificates.done) found.push(certificates.next().bytes)
    expect(found).toEqual([signer.certificate, ...chain].map(Buffer.from).sort(Buffer.compare))
  })

  it.skipIf(toolIsMissing('openssl'))('is not what openssl takes where the content was changed', () => {
    const signer = signerWith('P-256')
    const signed = signedBy(signer)
    signed[signed.indexOf('content')]! ^= 1
    expect(() => verifiedContent(signed, signer)).toThrow(/verification failure/)
  })
})
