import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { CaError } from '../errors.ts'
import { defaultHash, type HashName, signatureAlgorithm } from '../pki/keys/algorithms.ts'
import { LONG_INPUT, signLong } from '../pki/keys/long-input.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import type { Signer } from './signer.ts'

/**
 * A signer over a private key held in this process. P-256 and Ed25519 sign at once: about 40 µs, less than a
 * round trip through the thread pool. Slower keys go to libuv's pool, so that the event loop never waits; what is long is
 * hashed here in slices.
 */
export function createKeySigner(privateKey: KeyObject, hash: HashName | null): Signer {
  const publicKey = createPublicKey(privateKey)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const { family, type } = readPublicKey(spki)
  const algorithm = signatureAlgorithm(family, family === 'ed25519' ? null : (hash ?? defaultHash(type)))
  const inline = type === 'P-256' || type === 'Ed25519'

  return {
    algorithm,
    publicKey,
    spki,
    async sign(tbs) {
      if (tbs.length >= LONG_INPUT && algorithm.hash !== null)
        return signLong(algorithm.hash, tbs, privateKey)
      if (inline && tbs.length < LONG_INPUT) return sign(algorithm.hash, tbs, privateKey)
      return new Promise((resolve, reject) => {
        sign(algorithm.hash, tbs, privateKey, (error, signature) => {
          if (error) reject(new CaError('internal', 'The signature could not be made.', { cause: error }))
          else resolve(signature)
        })
      })
    },
  }
}
