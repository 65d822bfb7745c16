import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { CONTENT_TYPE, contentInfo } from '../../../src/pki/cms/content-info.ts'
import { encryptedKeyPackage, unsignedKeyPackage } from '../../../src/pki/cms/private-key.ts'
import type { Recipient } from '../../../src/pki/cms/recipient-info.ts'
import type { CmsSigner } from '../../../src/pki/cms/signed-data.ts'
import type { SmimeCapability } from '../../../src/pki/csr/key-protection.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import { defaultHash, type KeyType, keyFamily, signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { identifierOf, type KeyPair, makeRoot } from '../certificate/sample.ts'
import { runTool } from '../external-tool.ts'

export function keyPairOf(type: KeyType): KeyPair {
  switch (keyFamily(type)) {
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: type })
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(4)) })
    case 'ed25519':
      return generateKeyPairSync('ed25519')
  }
}

export interface Signing extends CmsSigner {
  readonly sign: (data: Uint8Array) => Buffer
}

export function signerWith(type: KeyType): Signing {
  const keys = keyPairOf(type)
  const family = keyFamily(type)
  const algorithm = signatureAlgorithm(family, family === 'ed25519' ? null : defaultHash(type))
  return {
    algorithm,
    certificate: makeRoot(keys, algorithm),
    chain: [],
    sign: (data) => sign(algorithm.hash, data, keys.privateKey),
  }
}

/** A private key as it goes to a client, both halves. */
export async function encryptedPrivateKey(
  pkcs8: Uint8Array,
  signing: Signing,
  recipient: Recipient,
  capabilities: readonly SmimeCapability[],
): Promise<Buffer> {
  const unsigned = unsignedKeyPackage(pkcs8, signing)
  const signed = unsigned.assemble(signing.sign(unsigned.toBeSigned))
  return encryptedKeyPackage(signed, recipient, capabilities)
}

/** A certificate for a key that decrypts, by which openssl finds its RecipientInfo. */
export function recipientCertificate(keys: KeyPair): { der: Buffer; keyIdentifier: Buffer } {
  const type = keys.publicKey.asymmetricKeyType
  const algorithm = signatureAlgorithm(type === 'rsa' ? 'rsa' : 'ec', 'sha256')
  return { der: makeRoot(keys, algorithm), keyIdentifier: identifierOf(keys.publicKey) }
}

export const pkcs8Of = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' })

/** What openssl prints, which may be any octets. */
function octets(args: readonly string[], files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const command = `openssl ${args.join(' ')} -out out && openssl base64 -in out`
  return Buffer.from(runTool('sh', ['-c', command], files), 'base64')
}

/** The content of an EnvelopedData as `openssl cms -decrypt` finds it by certificate and key. */
export function decryptWith(
  keys: KeyPair,
  message: Buffer,
  certificate: Uint8Array = recipientCertificate(keys).der,
): Buffer {
  return octets(
    ['cms', '-decrypt', '-inform', 'DER', '-in', 'm', '-recip', 'cert.pem', '-inkey', 'key.pem'],
    {
      m: message,
      'cert.pem': encodePem('CERTIFICATE', certificate),
      'key.pem': keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    },
  )
}

export function decryptBySecret(secret: Buffer, identifier: Buffer, message: Buffer): Buffer {
  const key = ['-secretkey', secret.toString('hex'), '-secretkeyid', identifier.toString('hex')]
  return octets(['cms', '-decrypt', '-inform', 'DER', '-in', 'm', ...key], { m: message })
}

/** The content of a SignedData, once `openssl cms -verify` has proven it by this root, which may be the signer itself. */
export function verifiedContent(signed: Uint8Array, root: Pick<CmsSigner, 'certificate'>): Buffer {
  return octets(
    ['cms', '-verify', '-inform', 'DER', '-in', 'm', '-CAfile', 'root.pem', '-purpose', 'any', '-binary'],
    {
      m: contentInfo(CONTENT_TYPE.signedData, signed),
      'root.pem': encodePem('CERTIFICATE', root.certificate),
    },
  )
}

/** The only key of an AsymmetricKeyPackage, PKCS #8. */
export function onlyKey(keyPackage: Uint8Array): Buffer {
  const reader = new DerReader(keyPackage, 'key package').enter()
  const key = reader.next().bytes
  reader.end()
  return key
}
