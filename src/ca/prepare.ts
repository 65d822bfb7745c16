import { CaError } from '../errors.ts'
import { type Extension, subjectAltName, subjectKeyIdentifier } from '../pki/certificate/extensions.ts'
import { encodeTbs } from '../pki/certificate/tbs.ts'
import { keyIdentifier } from '../pki/keys/public-key.ts'
import { newSerialNumber } from '../pki/serial-number.ts'
import type { Grant } from './policy/grant.ts'
import type { Signer } from './signer.ts'
import { checkAgainstGrant } from './tbs-check.ts'

/** RFC 5280 4.1.2.6: with an empty subject the SAN carries the identity and must be critical. */
const EMPTY_NAME = 2

const made = Symbol('made by prepare')

/** A to-be-signed certificate that policy allowed, that was read back, and that can be signed exactly once. */
export class Prepared {
  readonly serialNumber: string
  readonly grant: Grant
  readonly #tbs: Buffer
  #used = false

  constructor(brand: typeof made, serialNumber: string, grant: Grant, tbs: Buffer) {
    if (brand !== made) throw new CaError('internal', 'Only prepare() makes a Prepared.')
    this.serialNumber = serialNumber
    this.grant = grant
    this.#tbs = tbs
  }

  /** The bytes to sign; a second call is an internal error, since two signatures mean two certificates. */
  take(): Buffer {
    if (this.#used) throw new CaError('internal', 'A prepared certificate was to be signed twice.')
    this.#used = true
    return this.#tbs
  }
}

/**
 * Builds the TBSCertificate from the grant alone, reads it back and compares it.
 * Nothing of the CSR but its public key and the granted names gets in. `shared`: what follows from authority and profile;
 * which CRL the certificate names depends on its serial number as well.
 */
export function prepare(
  grant: Grant,
  signer: Signer,
  shared: (serialNumber: string) => readonly Extension[],
): Prepared {
  const { authority, publicKey, names, subject, validity } = grant
  const serialNumber = newSerialNumber()
  const extensions = [
    ...shared(serialNumber),
    subjectKeyIdentifier(keyIdentifier(publicKey)),
    ...(names.length > 0 ? [subjectAltName(names, subject.length === EMPTY_NAME)] : []),
  ]
  const tbs = encodeTbs({
    serialNumber,
    signature: signer.algorithm,
    issuer: authority.certificate.subject,
    notBefore: validity.notBefore,
    notAfter: validity.notAfter,
    subject,
    spki: publicKey.spki,
    extensions,
  })
  checkAgainstGrant(tbs, serialNumber, grant)
  return new Prepared(made, serialNumber, grant, tbs)
}
