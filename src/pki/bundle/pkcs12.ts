import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { CaError } from '../../errors.ts'
import { CONTENT_TYPE, contentInfo } from '../cms/content-info.ts'
import {
  context,
  contextPrimitive,
  integer,
  NULL,
  octetString,
  oid,
  sequence,
  setOf,
  TAG,
  tlv,
} from '../der/write.ts'
import { HASH_OIDS } from '../keys/algorithms.ts'
import { PBES2_KEY_LENGTH, pbes2Encrypt } from '../keys/pbes2.ts'
import { bmpString, pkcs12Mac } from './pkcs12-mac.ts'

const CERT_BAG = oid('1.2.840.113549.1.12.10.1.3')
const X509_CERTIFICATE = oid('1.2.840.113549.1.9.22.1')
const FRIENDLY_NAME = oid('1.2.840.113549.1.9.20')
const TRUSTED_KEY_USAGE = oid('2.16.840.1.113894.746875.1.1')
const ANY_EXTENDED_KEY_USAGE = oid('2.5.29.37.0')
const PBKDF2 = oid('1.2.840.113549.1.5.12')
const HMAC_WITH_SHA256 = sequence(oid('1.2.840.113549.2.9'), NULL)
const SHA256 = sequence(oid(HASH_OIDS.sha256), NULL)

/** The contents are public and the password is usually "changeit": more rounds would cost and protect nothing. */
const ITERATIONS = 2048

const deriveKey = promisify(pbkdf2)

export interface TrustStoreEntry {
  /** What keytool lists it by; Java compares aliases without regard to case. */
  readonly alias: string
  /** DER. */
  readonly certificate: Uint8Array
}

/**
 * A PKCS#12 trust store (RFC 7292) for Java and OpenSSL: certificates alone, PBES2 with AES-256 and HMAC-SHA-256.
 * `CaError` 'malformedRequest' on a password that Java could not type; RangeError on aliases that clash.
 */
export async function trustStore(entries: readonly TrustStoreEntry[], password: string): Promise<Buffer> {
  // Java takes no other characters for PBES2, and elsewhere the encodings differ.
  if (!/^[\x20-\x7e]{1,128}$/.test(password)) {
    throw new CaError('malformedRequest', 'A trust store password is 1 to 128 printable ASCII characters.')
  }
  if (new Set(entries.map(({ alias }) => alias.toLowerCase())).size < entries.length) {
    throw new RangeError('a trust store alias stands twice')
  }
  const safeContents = sequence(...entries.map(certificateBag))
  const authenticatedSafe = sequence(await encryptedData(safeContents, password))
  const salt = randomBytes(16)
  const mac = pkcs12Mac(password, salt, ITERATIONS, authenticatedSafe)
  return sequence(
    integer(3),
    contentInfo(CONTENT_TYPE.data, octetString(authenticatedSafe)),
    sequence(sequence(SHA256, octetString(mac)), octetString(salt), integer(ITERATIONS)),
  )
}

/** Without Oracle's TrustedKeyUsage attribute the JDK would load the certificate but not list it as trusted. */
function certificateBag({ alias, certificate }: TrustStoreEntry): Buffer {
  const bag = sequence(X509_CERTIFICATE, context(0, octetString(certificate)))
  const attributes = setOf(
    sequence(FRIENDLY_NAME, setOf(tlv(TAG.bmpString, bmpString(alias)))),
    sequence(TRUSTED_KEY_USAGE, setOf(ANY_EXTENDED_KEY_USAGE)),
  )
  return sequence(CERT_BAG, context(0, bag), attributes)
}

/** ContentInfo with EncryptedData (RFC 5652 8). */
async function encryptedData(content: Buffer, password: string): Promise<Buffer> {
  const salt = randomBytes(16)
  const key = await deriveKey(password, salt, ITERATIONS, PBES2_KEY_LENGTH, 'sha256')
  const kdf = sequence(PBKDF2, sequence(octetString(salt), integer(ITERATIONS), HMAC_WITH_SHA256))
  const { algorithm, ciphertext } = pbes2Encrypt(kdf, key, content)
  const encrypted = sequence(
    integer(0),
    sequence(CONTENT_TYPE.data, algorithm, contextPrimitive(0, ciphertext)),
  )
  return contentInfo(CONTENT_TYPE.encryptedData, encrypted)
}
