import { TAG, tlv } from '../../src/pki/der/write.ts'

export const SCOPE = { authority: 'issuing', partition: null }

/** As long as a CRL that is written in several steps and syncs, and told from others by its content. */
export function listOf(number: number): Buffer {
  return Buffer.from(tlv(TAG.sequence, Buffer.alloc(5_300_000, number)))
}
