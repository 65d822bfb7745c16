import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../src/pki/certificate/extensions.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { type SignatureAlgorithm, signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const NOT_BEFORE = Date.UTC(2026, 0, 1) / 1000
export const NOT_AFTER = Date.UTC(2051, 0, 1) / 1000

export function newKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' })
}

/** Any identifier will do here; the real method has its own tests. */
export function identifierOf(key: KeyObject): Buffer {
  return createHash('sha256').update(spkiOf(key)).digest().subarray(0, 20)
}

export function signTbs(tbs: Buffer, algorithm: SignatureAlgorithm, privateKey: KeyObject): Buffer {
  return assembleSigned(tbs, algorithm, sign(algorithm.hash, tbs, privateKey))
}

export const ROOT_NAME = encodeName([
  { type: 'O', value: 'Example & Söhne, Inc.' },
  { type: 'CN', value: 'Example Root' },
])

export function makeRoot(
  keys: KeyPair,
  algorithm = signatureAlgorithm('ec', 'sha256'),
  more: readonly Extension[] = [],
): Buffer {
  const tbs = encodeTbs({
    serialNumber: '4f01',
    signature: algorithm,
    issuer: ROOT_NAME,
    subject: ROOT_NAME,
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    spki: spkiOf(keys.publicKey),
    extensions: [
      basicConstraints({ ca: true, pathLength: 1 }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(identifierOf(keys.publicKey)),
      ...more,
    ],
  })
  return signTbs(tbs, algorithm, keys.privateKey)
}

/** A server certificate, with an empty subject unless one is given, and with critical names. */
export function makeLeaf(
  issuer: KeyPair,
  algorithm = signatureAlgorithm('ec', 'sha256'),
  more: readonly Extension[] = [],
  names: Parameters<typeof subjectAltName>[0] = [
    { type: 'dns', value: 'web.example.test' },
    { type: 'ip', value: '2001:db8::1' },
  ],
  subject = encodeName([]),
): Buffer {
  const { publicKey } = newKeyPair()
  const tbs = encodeTbs({
    serialNumber: 'f0e1d2c3b4a5968778695a4b3c2d1e0f',
    signature: algorithm,
    issuer: ROOT_NAME,
    subject,
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    spki: spkiOf(publicKey),
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage(['serverAuth', 'clientAuth']),
      subjectAltName(names, true),
      subjectKeyIdentifier(identifierOf(publicKey)),
      authorityKeyIdentifier(identifierOf(issuer.publicKey)),
      ...more,
    ],
  })
  return signTbs(tbs, algorithm, issuer.privateKey)
}
