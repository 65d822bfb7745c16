import { createSign, createVerify, type KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { HashName } from './algorithms.ts'

/** Octets. From here on what is signed is hashed in slices: `node:crypto` copies what it hands to another thread, in this one. */
export const LONG_INPUT = 1024 * 1024

/** Octets: about a millisecond of hashing. */
const SLICE = 2 * 1024 * 1024

/** A signature over what is long, with pauses for others between its slices. */
export async function signLong(hash: HashName, tbs: Uint8Array, key: KeyObject): Promise<Buffer> {
  const signing = createSign(hash)
  await inSlices(tbs, (slice) => signing.update(slice))
  return signing.sign(key)
}

export async function verifyLong(
  hash: HashName,
  tbs: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): Promise<boolean> {
  const verifying = createVerify(hash)
  await inSlices(tbs, (slice) => verifying.update(slice))
  return verifying.verify(key, signature)
}

async function inSlices(bytes: Uint8Array, take: (slice: Uint8Array) => void): Promise<void> {
  for (let at = 0; at < bytes.length; at += SLICE) {
    take(bytes.subarray(at, at + SLICE))
    await setImmediate()
  }
}
