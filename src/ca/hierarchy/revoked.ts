import { parseCertificate } from '../../pki/certificate/parse.ts'
import { type HeldCrl, listedSerials } from '../../pki/crl/listed-serials.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import type { Authority } from '../authority.ts'

/** That an authority is revoked. */
export interface Revoked {
  /** Of its certificate, or of the one above it that is listed. */
  readonly subject: string
  /** The id of the authority whose CRL lists it. */
  readonly by: string
}

/**
 * The first of an authority's certificate and those above it that its issuer's CRL lists, also where that has ended; null where there is none.
 * `all`: the authorities that are known; `crlOf`: the current full CRL of one.
 */
export function revokedOf(
  { certificate, chain }: Pick<Authority, 'certificate' | 'chain'>,
  all: readonly Pick<Authority, 'id' | 'certificate'>[],
  crlOf: (id: string) => HeldCrl | null,
): Revoked | null {
  // /readyz asks at each call: what is known has been parsed before.
  const knownOf = (der: Buffer) => all.find((one) => one.certificate.der.equals(der))
  const path = [certificate, ...chain.map((der) => knownOf(der)?.certificate ?? parseCertificate(der))]
  for (const issuer of all.filter((one) => path.some(({ der }) => der.equals(one.certificate.der)))) {
    const issued = path.filter(
      (one) => one.issuer.equals(issuer.certificate.subject) && !one.der.equals(issuer.certificate.der),
    )
    // The list of who issues for others may be long.
    const crl = issued.length > 0 ? crlOf(issuer.id) : null
    const listed = crl && issued.find(({ serialNumber }) => listedSerials(crl).has(serialNumber))
    if (listed) return { subject: nameToText(listed.subject), by: issuer.id }
  }
  return null
}
