import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyType } from './algorithms.ts'

const generate = promisify(generateKeyPair)

/** A new private key; RSA with the exponent 65537. Made in OpenSSL's thread pool, so RSA does not block the loop. */
export async function generateKey(type: KeyType): Promise<KeyObject> {
  switch (type) {
    case 'Ed25519':
      return (await generate('ed25519')).privateKey
    case 'RSA-2048':
    case 'RSA-3072':
    case 'RSA-4096':
      return (await generate('rsa', { modulusLength: Number(type.slice(4)), publicExponent: 65537 }))
        .privateKey
    case 'P-256':
    case 'P-384':
    case 'P-521':
    case 'secp256k1':
      return (await generate('ec', { namedCurve: type, paramEncoding: 'named' })).privateKey
  }
}
