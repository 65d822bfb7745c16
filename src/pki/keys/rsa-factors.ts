import { CaError } from '../../errors.ts'

/** CA/Browser Forum, Baseline Requirements 6.1.6: no factor below 752. */
const SMALL_PRIMES = oddPrimesBelow(752)

/** The same in groups, with their product: to divide a long number costs much, and little by how much. */
const GROUPS = groupsOf(SMALL_PRIMES).map((primes) => ({ primes, product: BigInt(productOf(primes)) }))

/** The first 126 primes but 2: keys of the chips have all of them in what they are built around, from 2048 bits on. */
const CHIP_PRIMES = SMALL_PRIMES.filter((prime) => prime <= 701)

/** Baseline Requirements 6.1.1.3. Keys that were found in the wild needed a handful. */
const FERMAT_ROUNDS = 100

/**
 * `weakKey` for an odd modulus whose factors anybody can compute: one is small, the key is of an Infineon chip (ROCA,
 * CVE-2017-15361), or both are close to each other (CVE-2022-26320). Takes a fraction of a millisecond.
 */
export function checkRsaFactors(modulus: bigint): void {
  if (hasSmallFactor(modulus))
    throw weak('has a small factor, so it was damaged or made by a faulty generator')
  if (CHIP_PRIMES.every((prime) => isPowerOf65537(Number(modulus % BigInt(prime)), prime)))
    throw weak('is that of a faulty chip, so that its factors can be computed (ROCA, CVE-2017-15361)')
  if (hasCloseFactors(modulus))
    throw weak('has factors that are close to each other, so that they can be computed (CVE-2022-26320)')
}

function hasSmallFactor(n: bigint): boolean {
  return GROUPS.some(({ primes, product }) => {
    const rest = Number(n % product)
    return primes.some((prime) => rest % prime === 0)
  })
}

/**
 * The chips' primes are k·M + (65537^a mod M), M being the product of the first primes: so modulo each of these they are powers
 * of 65537, and so is their product. Of other moduli one in 2^167 is, for all of them.
 */
function isPowerOf65537(residue: number, prime: number): boolean {
  const base = 65537 % prime
  let power = 1
  do {
    if (power === residue) return true
    power = (power * base) % prime
  } while (power !== 1)
  return false
}

const MODULI = [5040, 11, 13, 17, 19, 23]
/** One number in six hundred is a square modulo all of them: only of these a root is taken, which costs more than all the rest. */
const FILTERS = MODULI.map((modulus) => ({
  modulus,
  squares: new Set(Array.from({ length: modulus }, (_, n) => (n * n) % modulus)),
}))
const ALL_MODULI = BigInt(productOf(MODULI))

/** By Fermat: n = a² - b², and a, the middle between its factors, is hardly more than the square root of n. */
function hasCloseFactors(n: bigint): boolean {
  const root = squareRoot(n)
  const first = root * root === n ? root : root + 1n
  const [firstRest, rest] = [Number(first % ALL_MODULI), Number(n % ALL_MODULI)]
  for (let round = 0; round < FERMAT_ROUNDS; round++) {
    const mayBeSquare = FILTERS.every(({ modulus, squares }) =>
      squares.has((((firstRest + round) % modulus) ** 2 + modulus - (rest % modulus)) % modulus),
    )
    if (mayBeSquare && isSquare((first + BigInt(round)) ** 2n - n)) return true
  }
  return false
}

function isSquare(n: bigint): boolean {
  const root = squareRoot(n)
  return root * root === n
}

/** Rounded down, by Newton's method from above. */
function squareRoot(n: bigint): bigint {
  if (n === 0n) return n
  let root = 1n << BigInt(2 * n.toString(16).length)
  for (;;) {
    const next = (root + n / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

function oddPrimesBelow(limit: number): number[] {
  const primes: number[] = []
  for (let n = 3; n < limit; n += 2) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  return primes
}

/** Each with a product that is exact as a number. */
function groupsOf(primes: readonly number[]): number[][] {
  const groups: number[][] = []
  for (const prime of primes) {
    const last = groups.at(-1)
    if (last && productOf(last) * prime <= Number.MAX_SAFE_INTEGER) last.push(prime)
    else groups.push([prime])
  }
  return groups
}

function productOf(factors: readonly number[]): number {
  return factors.reduce((product, factor) => product * factor, 1)
}

function weak(reason: string): CaError {
  return new CaError('weakKey', `The RSA modulus ${reason}; generate a new key.`)
}
