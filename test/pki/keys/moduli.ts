import { checkPrimeSync, randomBytes } from 'node:crypto'

/**
 * The modulus of an RSA key as it looks from outside: nobody can tell whether a large odd number without small factors has two
 * prime factors. `change` is made last.
 */
export function someModulus(bits: number, change?: (modulus: Buffer) => unknown): Buffer {
  const modulus = randomBytes(Math.ceil(bits / 8))
  modulus[0] = (modulus[0]! | 0x80) >> (modulus.length * 8 - bits)
  modulus[modulus.length - 1]! |= 1
  if (hasSmallFactor(fromOctets(modulus))) return someModulus(bits, change)
  change?.(modulus)
  return modulus
}

function hasSmallFactor(n: bigint): boolean {
  for (let d = 3n; d < 752n; d += 2n) if (n % d === 0n) return true
  return false
}

/** Of two primes, the second the first from `distance` above the other on. */
export function closeModulus(bits: number, distance: bigint): bigint {
  // In the third quarter, so that the product has all of the bits, and the second is no longer than the first.
  const start = (3n << BigInt(bits / 2 - 2)) + fromOctets(randomBytes(bits / 16 - 2))
  const first = primeFrom(start)
  return first * (distance === 0n ? first : primeFrom(first + distance))
}

function primeFrom(start: bigint): bigint {
  let n = start | 1n
  while (!checkPrimeSync(n)) n += 2n
  return n
}

/** The product of a small prime and a large one, with just so many bits. */
export function fromPrimes(bits: number, small: bigint): bigint {
  return small * primeFrom((3n << BigInt(bits - 2)) / small)
}

/** As the chips made them: both primes are k·M + (65537^a mod M), with M the product of the primes up to `largest`. */
export function chipModulus(bits: number, largest: number): bigint {
  let m = 2n
  for (let n = 3n; n <= largest; n += 2n) if (checkPrimeSync(n)) m *= n
  const room = (1n << BigInt(bits / 2)) / m
  const prime = (): bigint => {
    for (;;) {
      // In the upper eighth, so that the product has all of the bits.
      const k = room - 1n - (fromOctets(randomBytes(200)) % (room / 8n))
      const p = k * m + power(65537n, fromOctets(randomBytes(32)), m)
      if (checkPrimeSync(p)) return p
    }
  }
  return prime() * prime()
}

export function fromOctets(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).toString('hex')}`)
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  for (let b = base % modulus, e = exponent; e > 0n; e >>= 1n, b = (b * b) % modulus)
    if (e & 1n) result = (result * b) % modulus
  return result
}
