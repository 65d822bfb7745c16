import { CaError } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { NULL } from '../der/write.ts'
import { HASH_NAMES, HASH_OIDS, type HashName } from '../keys/algorithms.ts'

export const RSASSA_PSS = '1.2.840.113549.1.1.10'
const MGF1 = '1.2.840.113549.1.1.8'

const HASH_BY_OID: ReadonlyMap<string, HashName> = new Map(HASH_NAMES.map((name) => [HASH_OIDS[name], name]))

/** RFC 4055 3.1: the length that applies where none is given. */
const DEFAULT_SALT = 20
/** What fits under the largest key accepted: 512 octets less a SHA-256 digest and two. */
const LONGEST_SALT = 478

export interface PssParameters {
  readonly hash: HashName
  readonly saltLength: number
}

/**
 * RSASSA-PSS-params (RFC 4055 3.1) of an AlgorithmIdentifier, given whole. The defaults mean SHA-1, so the hash and
 * the mask generation must be spelled out, and be of one hash.
 */
export function readPssParameters(identifier: Uint8Array): PssParameters {
  const outer = new DerReader(identifier, 'CSR', 'malformedCsr')
  const algorithm = outer.enter()
  algorithm.oid()
  if (algorithm.done) throw unsupported('has no parameters, which means SHA-1')
  const reader = algorithm.enter()
  algorithm.end()
  const hash = explicit(reader, 0, readHash)
  const maskHash = explicit(reader, 1, readMaskGeneration)
  const saltLength = explicit(reader, 2, (inner) => inner.smallInteger()) ?? DEFAULT_SALT
  const trailer = explicit(reader, 3, (inner) => inner.smallInteger()) ?? 1
  reader.end()
  if (!hash || !maskHash) throw unsupported('names no hash or no mask generation, which means SHA-1')
  if (hash !== maskHash) throw unsupported('has a mask generation with another hash than its own')
  if (saltLength < DEFAULT_SALT || saltLength > LONGEST_SALT)
    throw unsupported(`has a salt of ${saltLength} octets`)
  if (trailer !== 1) throw unsupported('has an unknown trailer field')
  return { hash, saltLength }
}

/** The value under [number] EXPLICIT, or undefined if it is not there. */
function explicit<T>(reader: DerReader, number: number, read: (inner: DerReader) => T): T | undefined {
  const element = reader.optional(0xa0 | number)
  if (!element) return undefined
  const inner = reader.into(element)
  const value = read(inner)
  inner.end()
  return value
}

function readHash(reader: DerReader): HashName {
  const algorithm = reader.enter()
  const dotted = algorithm.oid()
  // RFC 4055 2.1: NULL or absent.
  if (!algorithm.done && !algorithm.next().bytes.equals(NULL)) algorithm.fail('has a hash with parameters')
  algorithm.end()
  const hash = HASH_BY_OID.get(dotted)
  if (!hash) throw unsupported('uses a hash other than SHA-256, SHA-384 and SHA-512')
  return hash
}

function readMaskGeneration(reader: DerReader): HashName {
  const algorithm = reader.enter()
  if (algorithm.oid() !== MGF1) throw unsupported('has a mask generation other than MGF1')
  const hash = readHash(algorithm)
  algorithm.end()
  return hash
}

function unsupported(reason: string): CaError {
  return new CaError(
    'unsupportedAlgorithm',
    `The CSR's RSASSA-PSS signature ${reason}; use SHA-256 and a salt of 32 octets.`,
  )
}
