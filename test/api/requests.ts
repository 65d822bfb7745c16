import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Extension, subjectAltName } from '../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import type { KeyType } from '../../src/pki/keys/algorithms.ts'
import { parseNameText } from '../../src/pki/names/normalise.ts'
import { encodePem } from '../../src/pki/pem.ts'

/** A key and the certificate chain for it, both PEM: what a TLS client shows. */
export interface Identity {
  readonly key: string
  readonly certificate: string
}

export function newKey(type: KeyType = 'P-256'): KeyObject {
  if (type === 'Ed25519') return generateKeyPairSync('ed25519').privateKey
  if (type.startsWith('RSA-'))
    return generateKeyPairSync('rsa', { modulusLength: Number(type.slice(4)) }).privateKey
  return generateKeyPairSync('ec', { namedCurve: type }).privateKey
}

export interface CsrWish {
  readonly key?: KeyObject
  readonly commonName?: string
  /** Beside the subjectAltName. */
  readonly extensions?: readonly Extension[]
}

/** DER CSR for names such as "dns:web.example.test"; an empty list asks for no subjectAltName. */
export function csrDer(
  names: readonly string[],
  { key = newKey(), commonName, extensions = [] }: CsrWish = {},
): Buffer {
  return encodeCsr({
    key,
    subject: encodeName(commonName === undefined ? [] : [{ type: 'CN', value: commonName }]),
    extensions:
      names.length > 0 ? [subjectAltName(names.map(parseNameText), false), ...extensions] : extensions,
  })
}

export function csrPem(names: readonly string[], wish: CsrWish = {}): string {
  return encodePem('CERTIFICATE REQUEST', csrDer(names, wish))
}

export function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
