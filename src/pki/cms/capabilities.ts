import { CaError } from '../../errors.ts'
import type { SmimeCapability } from '../csr/key-protection.ts'
import { context, NULL, oid, sequence } from '../der/write.ts'
import { HASH_OIDS, type HashName } from '../keys/algorithms.ts'
import { AES_CBC, AES_LENGTHS, AES_WRAP, type AesLength, wrapAlgorithm } from './aes.ts'
import type { Recipient } from './recipient-info.ts'

const RSAES_OAEP = '1.2.840.113549.1.1.7'
/** dhSinglePass-stdDH-sha256kdf-scheme (RFC 5753 7.1.4). */
export const ECDH_SHA256 = '1.3.132.1.11.1'

/** What others encrypt content with: DES, RC2, RC4 and 3DES, AES-GCM and AES-CCM, ChaCha20 with Poly1305. */
const OTHER_CIPHERS =
  /^(?:1\.3\.14\.3\.2\.7|1\.2\.840\.113549\.3\.[247]|2\.16\.840\.1\.101\.3\.4\.1\.[024]?[67]|1\.2\.840\.113549\.1\.9\.16\.3\.18)$/
/** How others agree on keys by elliptic curves (RFC 5753 7.1.4, RFC 8418 2.2). */
const OTHER_AGREEMENTS =
  /^(?:1\.3\.132\.1\.1[145]\.\d+|1\.3\.133\.16\.840\.63\.0\.(?:2|3|16)|1\.2\.840\.113549\.1\.9\.16\.3\.(?:19|20|21))$/

const MGF1 = oid('1.2.840.113549.1.1.8')

export type OaepHash = HashName | 'sha1'

/** What a message is made with, so that its reader can read it. */
export interface MessageAlgorithms {
  readonly content: AesLength
  /** Of the key that wraps the content's, where that is agreed on. */
  readonly wrap: AesLength
  /** Null: RSA with PKCS #1 v1.5. */
  readonly oaep: OaepHash | null
}

/**
 * The strongest of what the client lists. Where it lists nothing that is known here: AES-256, and PKCS #1 v1.5, which
 * every CMS reader must know (RFC 3370 4.2.1), while few devices know OAEP. Its weakness is an oracle that decrypts for
 * strangers; the client decrypts one message that came over TLS.
 */
export function chooseAlgorithms(capabilities: readonly SmimeCapability[]): MessageAlgorithms {
  const listed = new Set(capabilities.map((capability) => capability.oid))
  return {
    content: AES_LENGTHS.find((length) => listed.has(AES_CBC[length])) ?? 32,
    wrap:
      AES_LENGTHS.find((length) => listed.has(AES_WRAP[length]) || agreesWith(length, capabilities)) ?? 32,
    oaep: chooseOaep(capabilities.filter((capability) => capability.oid === RSAES_OAEP)),
  }
}

/**
 * RFC 7030 4.4.1: the capabilities are what the client is willing to use. Throws "unsupportedAlgorithm" where it names ciphers, or for
 * an EC key key agreements, and none of them is made here: it would have a certificate to a key that it cannot read.
 */
export function checkCapabilities(capabilities: readonly SmimeCapability[], recipient: Recipient): void {
  const listed = capabilities.map((capability) => capability.oid)
  const ciphers = Object.values(AES_CBC)
  if (listed.some((one) => OTHER_CIPHERS.test(one)) && !listed.some((one) => ciphers.includes(one))) {
    throw new CaError(
      'unsupportedAlgorithm',
      'Private keys are encrypted by AES-CBC here, which is not among the SMIMECapabilities of the CSR.',
    )
  }
  const agrees = recipient.method === 'asymmetric' && recipient.publicKey.family === 'ec'
  if (agrees && listed.some((one) => OTHER_AGREEMENTS.test(one)) && !listed.includes(ECDH_SHA256)) {
    throw new CaError(
      'unsupportedAlgorithm',
      'Private keys are encrypted to EC keys by dhSinglePass-stdDH-sha256kdf here, which is not among the SMIMECapabilities of the CSR.',
    )
  }
}

/** RFC 5753 7.2: the capability of a key agreement has the key wrap as its parameter. */
function agreesWith(length: AesLength, capabilities: readonly SmimeCapability[]): boolean {
  return capabilities.some(
    ({ oid: id, parameters }) => id === ECDH_SHA256 && parameters?.equals(wrapAlgorithm(length)),
  )
}

/** RSAES-OAEP-params (RFC 4055 4.1) with one hash for both its uses; SHA-1 is the default, which DER leaves out. */
const OAEP_PARAMETERS: Readonly<Record<OaepHash, Buffer>> = {
  sha256: parametersOf(HASH_OIDS.sha256),
  sha384: parametersOf(HASH_OIDS.sha384),
  sha512: parametersOf(HASH_OIDS.sha512),
  sha1: sequence(),
}
const OAEP_HASHES = Object.keys(OAEP_PARAMETERS) as OaepHash[]

function parametersOf(hash: string): Buffer {
  const identifier = sequence(oid(hash), NULL)
  return sequence(context(0, identifier), context(1, sequence(MGF1, identifier)))
}

/** OAEP without parameters, or with others, says no more than that the client knows it: SHA-256 is the usual one. */
function chooseOaep(capabilities: readonly SmimeCapability[]): OaepHash | null {
  if (capabilities.length === 0) return null
  const known = OAEP_HASHES.find((hash) =>
    capabilities.some(({ parameters }) => parameters?.equals(OAEP_PARAMETERS[hash])),
  )
  return known ?? 'sha256'
}

export function oaepAlgorithm(hash: OaepHash): Buffer {
  return sequence(oid(RSAES_OAEP), OAEP_PARAMETERS[hash])
}
