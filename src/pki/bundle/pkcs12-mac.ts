import { createHmac, hash } from 'node:crypto'

/**
 * HMAC-SHA-256 keyed as RFC 7292 appendix B derives it from the password: the only integrity check of PKCS#12
 * files that Java 17 and OpenSSL 3.0 both read (PBMAC1, RFC 9579, is younger than they are).
 */
export function pkcs12Mac(
  password: string,
  salt: Uint8Array,
  iterations: number,
  content: Uint8Array,
): Buffer {
  return createHmac('sha256', deriveMacKey(password, salt, iterations))
    .update(content)
    .digest()
}

/** B.2 with SHA-256: u = 32, v = 64. One round gives the 32 octets of the key, so I is never altered (step 6C). */
function deriveMacKey(password: string, salt: Uint8Array, iterations: number): Buffer {
  const diversifier = Buffer.alloc(64, 3)
  let block = hash(
    'sha256',
    Buffer.concat([diversifier, fill(salt), fill(bmpString(`${password}\0`))]),
    'buffer',
  )
  for (let round = 1; round < iterations; round++) block = hash('sha256', block, 'buffer')
  return block
}

/** Copies of `octets` up to the next multiple of 64 octets. */
function fill(octets: Uint8Array): Buffer {
  return Buffer.alloc(64 * Math.ceil(octets.length / 64), octets)
}

/** BMPString content: big-endian UCS-2. */
export function bmpString(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}
