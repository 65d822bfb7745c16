import { createHash } from 'node:crypto'

/** A strong entity tag for these bytes, quoted, as the ETag header has it (RFC 9110 8.8.3). */
export function entityTag(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`
}
