import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { CaError } from '../../errors.ts'
import { oid, sequence } from '../der/write.ts'
import { type HashName, SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../keys/algorithms.ts'
import { toKeyObject } from '../keys/public-key.ts'
import type { CertificationRequest } from './parse.ts'
import { RSASSA_PSS, readPssParameters } from './pss-parameters.ts'

const verified = promisify(verify)

interface Scheme {
  readonly family: SignatureAlgorithm['family']
  readonly hash: HashName | null
  readonly options?: Omit<VerifyKeyObjectInput, 'key'>
}

const BROKEN_HASHES = new Map([
  ['1.2.840.113549.1.1.2', 'MD2 with RSA'],
  ['1.2.840.113549.1.1.4', 'MD5 with RSA'],
  ['1.2.840.113549.1.1.5', 'SHA-1 with RSA'],
  ['1.3.14.3.2.29', 'SHA-1 with RSA'],
  ['1.2.840.10045.4.1', 'SHA-1 with ECDSA'],
  ['1.2.840.10040.4.3', 'SHA-1 with DSA'],
])

/** What a CSR says that proves its key, as plain data: the proof can be made in any thread. */
export interface Possession {
  /** DER subjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** The certificationRequestInfo, which the signature covers. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
  readonly hash: HashName | null
  readonly options?: Omit<VerifyKeyObjectInput, 'key'> | undefined
}

/**
 * Proves that whoever made the CSR holds its private key (RFC 2986 4.2). Errors: `unsupportedAlgorithm`,
 * `malformedCsr` for a key off its curve, and `badCsrSignature` for a signature that is not by that key, or was made over
 * other bytes.
 *
 * In libuv's pool: it is the dearest step of an enrolment, and with the key that a stranger chose.
 */
export async function proveCsr(csr: CertificationRequest): Promise<void> {
  const possession = possessionOf(csr)
  const { hash, signed, signature } = possession
  if (!(await verified(hash, signed, keyOf(possession), signature))) throw notProven()
}

/** As `proveCsr`, in this thread, which waits for it. */
export function prove(possession: Possession): void {
  const { hash, signed, signature } = possession
  if (!verify(hash, signed, keyOf(possession), signature)) throw notProven()
}

function keyOf({ spki, options }: Possession): VerifyKeyObjectInput & { key: KeyObject } {
  return { key: toKeyObject(spki, 'malformedCsr'), ...options }
}

/** What is to be proven. Errors: those of `proveCsr` that can be told without the key's arithmetic. */
export function possessionOf(csr: CertificationRequest): Possession {
  const scheme = signatureScheme(csr)
  if (scheme.family !== csr.publicKey.family) {
    throw new CaError(
      'badCsrSignature',
      `The CSR's signature algorithm does not fit its ${csr.publicKey.type} key.`,
    )
  }
  const { signed, signature } = csr
  return { spki: csr.publicKey.spki, signed, signature, hash: scheme.hash, options: scheme.options }
}

function notProven(): CaError {
  return new CaError(
    'badCsrSignature',
    `The CSR's signature was not made by its key, or the CSR was changed; make it again.`,
  )
}

function signatureScheme({ signatureAlgorithm: { oid: dotted, der } }: CertificationRequest): Scheme {
  if (dotted === RSASSA_PSS) {
    const { hash, saltLength } = readPssParameters(der)
    return { family: 'rsa', hash, options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } }
  }
  const known = SIGNATURE_ALGORITHMS.find((algorithm) => algorithm.oid === dotted)
  if (!known) {
    const name = BROKEN_HASHES.get(dotted) ?? dotted
    throw new CaError(
      'unsupportedAlgorithm',
      `A CSR signed by ${name} is not accepted; sign it with SHA-256 or Ed25519.`,
    )
  }
  // RFC 4055 5: with RSA, parameters must be accepted absent as well as NULL. RFC 5758 3.2, RFC 8410 3: else absent.
  if (!der.equals(known.identifier) && !(known.family === 'rsa' && der.equals(sequence(oid(dotted))))) {
    throw new CaError(
      'unsupportedAlgorithm',
      `The CSR's signature algorithm ${known.name} has parameters it cannot have.`,
    )
  }
  return known
}
