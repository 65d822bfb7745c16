import { CaError, type ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import type { KeyType } from './algorithms.ts'
import { checkRsaFactors } from './rsa-factors.ts'

/** SEC 1 2.3.3: only the uncompressed form is read; RFC 5480 2.2 makes the others optional, and clients lack them. */
export function checkEcPoint(bits: Buffer, coordinate: number): void {
  if (bits.length !== 1 + 2 * coordinate || bits[0] !== 0x04) {
    throw new CaError(
      'unsupportedAlgorithm',
      'The public key is not an uncompressed point; send it uncompressed.',
    )
  }
}

/** Little-endian y coordinates of the eight points of small order, without the sign bit. */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/**
 * Under a point of small order anybody can make signatures, which many verifiers accept (Node 20 for one), so that
 * a CSR would prove nothing.
 * Y coordinates of 2^255 - 19 and above are second spellings (RFC 8032 5.1.3 refuses them).
 */
export function checkEd25519Point(bits: Buffer, code: ErrorCode): void {
  if (bits.length !== 32)
    throw new CaError(code, 'The public key is not an Ed25519 key: it must have 32 octets.')
  const y = Buffer.from(bits)
  y[31]! &= 0x7f
  if (SMALL_ORDER.has(y.toString('hex'))) {
    throw new CaError('weakKey', 'The Ed25519 public key is a point of small order; generate a new key.')
  }
  if (y[31] === 0x7f && y[0]! >= 0xed && y.subarray(1, 31).every((octet) => octet === 0xff)) {
    throw new CaError(code, 'The Ed25519 public key is not in its canonical encoding.')
  }
}

const RSA_TYPES = new Map<number, KeyType>([
  [2048, 'RSA-2048'],
  [3072, 'RSA-3072'],
  [4096, 'RSA-4096'],
])

/** RSAPublicKey (RFC 8017 A.1.1): one of three sizes, and an exponent that every TLS library accepts. */
export function rsaKeyType(bits: Buffer, code: ErrorCode): KeyType {
  const outer = new DerReader(bits, 'RSA public key', code)
  const reader = outer.enter()
  outer.end()
  const modulus = positive(reader, code)
  const exponent = positive(reader, code)
  reader.end()
  const size = bitLength(modulus)
  if (size < 2048)
    throw new CaError('weakKey', `An RSA key of ${size} bits is too small; use 2048, 3072 or 4096 bits.`)
  const type = RSA_TYPES.get(size)
  if (!type) {
    throw new CaError(
      'unsupportedAlgorithm',
      `An RSA key of ${size} bits is not supported; use 2048, 3072 or 4096 bits.`,
    )
  }
  checkRsaNumbers(modulus, exponent)
  return type
}

/** `weakKey` or `unsupportedAlgorithm` for numbers that no RSA key should have, whatever its size. Both without leading zeros. */
export function checkRsaNumbers(modulus: Buffer, exponent: Buffer): void {
  if (!(modulus.at(-1)! & 1)) throw new CaError('weakKey', 'The RSA modulus is even; generate a new key.')
  if (!(exponent.at(-1)! & 1)) throw new CaError('weakKey', 'The RSA exponent is even; generate a new key.')
  // Go and Windows refuse public exponents of more than 31 bits, so such a certificate would work nowhere.
  if (bitLength(exponent) > 31) {
    throw new CaError('unsupportedAlgorithm', 'The RSA exponent has more than 31 bits; use 65537.')
  }
  if (exponent.readUIntBE(0, exponent.length) < 65537) {
    throw new CaError('weakKey', 'The RSA exponent is smaller than 65537; generate a key with that exponent.')
  }
  checkRsaFactors(BigInt(`0x${modulus.toString('hex')}`))
}

/** An INTEGER above zero, without the zero octet that DER puts before a set top bit. */
function positive(reader: DerReader, code: ErrorCode): Buffer {
  const content = reader.integer()
  if (content[0]! & 0x80 || content.every((octet) => octet === 0)) {
    throw new CaError(code, 'The RSA public key has a number that is not positive.')
  }
  return content[0] === 0 ? content.subarray(1) : content
}

/** Of a number above zero, without leading zeros. */
export function bitLength(magnitude: Buffer): number {
  return magnitude.length * 8 - (Math.clz32(magnitude[0]!) - 24)
}
