import type { Signer } from '../../../src/ca/signer.ts'
import {
  authorityKeyIdentifier,
  type Extension,
  encodeExtensions,
} from '../../../src/pki/certificate/extensions.ts'
import { type CrlEntryFields, encodeCrlEntry } from '../../../src/pki/crl/entry.ts'
import { context, integer, sequence, time } from '../../../src/pki/der/write.ts'
import type { SignatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'
import type { SmallCa } from '../../ocsp/small-ca.ts'

const DAY = 86_400

export interface CrlChanges {
  readonly signer?: Signer
  readonly algorithm?: SignatureAlgorithm
  readonly issuer?: Buffer
  readonly number?: number | Buffer | null
  readonly thisUpdate?: number
  readonly nextUpdate?: number | null
  readonly keyIdentifier?: Buffer | null
  readonly revoked?: readonly Partial<CrlEntryFields>[]
  readonly extra?: readonly Extension[]
}

/** A CRL of the root of a small CA, signed where its key is; every part may be another. */
export async function crlToBring(ca: SmallCa, changes: CrlChanges = {}): Promise<Buffer> {
  const { signer = ca.rootSigner, number = 1, thisUpdate = ca.seconds, revoked = [], extra = [] } = changes
  const { nextUpdate = thisUpdate + 90 * DAY, issuer = ca.root.certificate.subject } = changes
  const { keyIdentifier = ca.root.keyIdentifier, algorithm = signer.algorithm } = changes
  const facts = { serialNumber: '40', revokedAt: thisUpdate, reason: 0, invalidityDate: null }
  const entries = revoked.map((one) => encodeCrlEntry({ ...facts, ...one }))
  const extensions = [
    ...(keyIdentifier ? [authorityKeyIdentifier(keyIdentifier)] : []),
    ...(number === null ? [] : [{ oid: '2.5.29.20', critical: false, value: integer(number) }]),
    ...extra,
  ]
  const tbs = sequence(
    integer(1),
    algorithm.identifier,
    issuer,
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    context(0, encodeExtensions(extensions)),
  )
  return assembleSigned(tbs, algorithm, await signer.sign(tbs))
}
