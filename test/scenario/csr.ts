import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { subjectAltName } from '../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { encodePem } from '../../src/pki/pem.ts'

/** PEM of a CSR for one DNS name, with a new P-256 key unless one is given: far faster than openssl, for load. */
export function newCsr(name: string, key: KeyObject = newKey()): string {
  const extensions = [subjectAltName([{ type: 'dns', value: name }], true)]
  return encodePem('CERTIFICATE REQUEST', encodeCsr({ key, subject: encodeName([]), extensions }))
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}
