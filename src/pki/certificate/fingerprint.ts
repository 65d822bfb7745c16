import { hash } from 'node:crypto'

/** SHA-256 of a DER certificate, lower-case hexadecimal. */
export function fingerprint(der: Uint8Array): string {
  return hash('sha256', der)
}

/** The same from what people write, in either case and with or without colons; null where it is no SHA-256. */
export function readFingerprint(text: string): string | null {
  const digits = text.replaceAll(':', '').toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits) ? digits : null
}
