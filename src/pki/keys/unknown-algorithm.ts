import { CaError, type ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'
import { KEY_ALGORITHMS } from './algorithms.ts'

const ADVICE = 'use P-256, P-384, P-521, RSA of 2048 bits or more, or Ed25519'

const WEAK_CURVES = new Map([
  ['1.2.840.10045.3.1.1', 'P-192'],
  ['1.3.132.0.33', 'P-224'],
])

/** Algorithms whose keys are read, unless their parameters are of another form. */
const READ: ReadonlySet<string> = new Set(Object.values(KEY_ALGORITHMS))

const NAMES = new Map<string, string>([
  [KEY_ALGORITHMS.rsa, 'RSA'],
  [KEY_ALGORITHMS.ec, 'ECDSA'],
  [KEY_ALGORITHMS.ed25519, 'Ed25519'],
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS'],
  ['1.2.840.10040.4.1', 'DSA'],
  ['1.3.101.110', 'X25519'],
  ['1.3.101.111', 'X448'],
  ['1.3.101.113', 'Ed448'],
])

/** Says why an AlgorithmIdentifier is none of those that are read. `identifier` reads its content. */
export function unknownKeyAlgorithm(identifier: DerReader, code: ErrorCode): CaError {
  const algorithm = identifier.oid()
  const parameters = identifier.done ? undefined : identifier.next()
  identifier.end()
  if (algorithm === KEY_ALGORITHMS.ec && parameters) {
    // RFC 5480 2.1.1: explicit parameters let an attacker choose the generator (CVE-2020-0601).
    if (parameters.tag === TAG.sequence) {
      return new CaError(
        'unsupportedAlgorithm',
        `The public key spells out its curve's parameters; name the curve.`,
      )
    }
    if (parameters.tag === TAG.oid) return unknownCurve(new DerReader(parameters.bytes, 'curve', code).oid())
  }
  const name = NAMES.get(algorithm) ?? algorithm
  if (READ.has(algorithm)) {
    return new CaError(
      code,
      `The public key's algorithm is ${name}, but its parameters are not those that ${name} has.`,
    )
  }
  return new CaError(
    'unsupportedAlgorithm',
    `Public keys of the algorithm ${name} are not supported; ${ADVICE}.`,
  )
}

function unknownCurve(curve: string): CaError {
  const weak = WEAK_CURVES.get(curve)
  if (weak) return new CaError('weakKey', `The curve ${weak} is too weak; ${ADVICE}.`)
  return new CaError('unsupportedAlgorithm', `The elliptic curve ${curve} is not supported; ${ADVICE}.`)
}
