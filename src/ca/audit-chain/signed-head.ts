import { sign, verify, X509Certificate } from 'node:crypto'
import { rfc3339 } from '../../clock.ts'
import type { KeptIdentity } from '../kept-identity.ts'

/** What is signed: the id of a row, its hash in hexadecimal, and the time, seconds since 1970. */
export interface Head {
  readonly row: number
  readonly hash: string
  readonly signedAt: number
}

/** The text that is signed, so that nothing else that this key ever signed can be taken for it. */
function signedText({ row, hash, signedAt }: Head): Buffer {
  return Buffer.from(`chancery audit log head\n${row}\n${hash}\n${rfc3339(signedAt)}\n`)
}

/** ECDSA with SHA-256, in DER. */
export function signHead(head: Head, { key }: KeptIdentity): Buffer {
  return sign('sha256', signedText(head), key)
}

/** `certificate`: DER. False as well where that is none. */
export function isSigned(head: Head, signature: Buffer, certificate: Buffer): boolean {
  try {
    const { publicKey } = new X509Certificate(certificate)
    return verify('sha256', signedText(head), publicKey, signature)
  } catch {
    return false
  }
}
