import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { encodeExtensions, subjectAltName } from '../../../src/pki/certificate/extensions.ts'
import { context, integer, oid, sequence, setOf } from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { parseNameText } from '../../../src/pki/names/normalise.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'
import { newKey } from '../requests.ts'

/** A CSR by a P-256 key with further attributes: an object identifier and the TLV of the value, each. */
export function attributedCsr(
  names: readonly string[],
  attributes: readonly (readonly [oid: string, value: Buffer])[],
  key: KeyObject = newKey(),
): Buffer {
  const algorithm = signatureAlgorithm('ec', 'sha256')
  const request = encodeExtensions([subjectAltName(names.map(parseNameText), false)])
  const all = [['1.2.840.113549.1.9.14', request] as const, ...attributes]
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const info = sequence(
    integer(0),
    encodeName([]),
    spki,
    context(0, ...all.map(([id, value]) => sequence(oid(id), setOf(value)))),
  )
  return assembleSigned(info, algorithm, sign('sha256', info, key))
}

const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36'

/** One that repeats `names` and asks for others in their place (RFC 6402 2.8). */
export function renaming(names: readonly string[], wanted: readonly string[]): Buffer {
  const { value } = subjectAltName(wanted.map(parseNameText), false)
  return attributedCsr(names, [[CHANGE_SUBJECT_NAME, sequence(value)]])
}
