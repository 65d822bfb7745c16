import { type Extension, subjectAltName } from '../../../src/pki/certificate/extensions.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { octetString } from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import type { SubjectName } from '../../../src/pki/names/san.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { NOT_AFTER, NOT_BEFORE, newKeyPair, signTbs, spkiOf } from '../../pki/certificate/sample.ts'

export interface Identity {
  /** PEM. */
  readonly key: string
  readonly certificate: string
}

export interface Shape {
  readonly extensions?: readonly Extension[]
  readonly issuer?: string
  /** With neither subject nor issuer, and dates that nobody meant, as some responders make it. */
  readonly careless?: boolean
  /** Signed by another key than its own. */
  readonly foreign?: boolean
}

/** RFC 8737 3: `hash` in an OCTET STRING, critical. */
export function acmeIdentifier(hash: Uint8Array, critical = true): Extension {
  return { oid: '1.3.6.1.5.5.7.1.31', critical, value: octetString(hash) }
}

/** A certificate with these names, signed by itself unless the shape says otherwise. */
export function selfSigned(names: readonly SubjectName[], shape: Shape = {}): Identity {
  const keys = newKeyPair()
  const algorithm = signatureAlgorithm('ec', 'sha256')
  const subject = encodeName(shape.careless ? [] : [{ type: 'CN', value: 'ACME challenge' }])
  const tbs = encodeTbs({
    serialNumber: '4f01',
    signature: algorithm,
    issuer: shape.issuer === undefined ? subject : encodeName([{ type: 'CN', value: shape.issuer }]),
    subject,
    notBefore: shape.careless ? NOT_AFTER : NOT_BEFORE,
    notAfter: NOT_AFTER,
    spki: spkiOf(keys.publicKey),
    extensions: [...(names.length > 0 ? [subjectAltName(names, false)] : []), ...(shape.extensions ?? [])],
  })
  const der = signTbs(tbs, algorithm, (shape.foreign ? newKeyPair() : keys).privateKey)
  return {
    key: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    certificate: encodePem('CERTIFICATE', der),
  }
}
