import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { CaError } from '../errors.ts'
import { defaultHash, type HashName, QUICK_KEYS, signatureAlgorithm } from '../pki/keys/algorithms.ts'
import { LONG_INPUT, signLong } from '../pki/keys/long-input.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import type { Signer } from './signer.ts'
import { SigningTurns } from './signing-turns.ts'

/** Libuv has four threads, unless the environment says otherwise: one is left for files and names. */
const IN_POOL = 3
/** Of all signers, since the pool is that of the process. */
const turns = new SigningTurns(IN_POOL)

/** Beside the signers and not in them: who has a signer can sign and no more. */
const quickKeys = new WeakMap<Signer, KeyObject>()

/** The key of a signer that signs at once, for the thread that records certificates, and for nobody else; null for every other signer. */
export function quickKey(signer: Signer): KeyObject | null {
  return quickKeys.get(signer) ?? null
}

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
  const inline = QUICK_KEYS.has(type)

  const signer: Signer = {
    algorithm,
    publicKey,
    spki,
    async sign(tbs, purpose = 'certificate') {
      if (tbs.length >= LONG_INPUT && algorithm.hash !== null)
        return signLong(algorithm.hash, tbs, privateKey)
      if (inline && tbs.length < LONG_INPUT) return sign(algorithm.hash, tbs, privateKey)
      return turns.run(purpose, () => signInPool(algorithm.hash, tbs, privateKey))
    },
  }
  if (inline) quickKeys.set(signer, privateKey)
  return signer
}

function signInPool(hash: HashName | null, tbs: Uint8Array, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(hash, tbs, key, (error, signature) => {
      if (error) reject(new CaError('internal', 'The signature could not be made.', { cause: error }))
      else resolve(signature)
    })
  })
}
