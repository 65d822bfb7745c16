import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import type { AuthorityRow } from '../../store/queries.ts'

/**
 * Refuses a name that another key has here. Relying parties find issuers and CRLs by name: of two CRLs of one name GnuTLS reads
 * one, and takes what the other has revoked. Throws `CaError` "conflict".
 */
export function refuseNamesake(
  one: Pick<CertificateInfo, 'subject' | 'spki'>,
  known: readonly Pick<AuthorityRow, 'id' | 'certificate'>[],
  now: Date,
): void {
  for (const { id, certificate } of known) {
    const other = certificate && parseCertificate(certificate, 'badAuthorityCertificate')
    if (!other || other.notAfter < epochSeconds(now) || other.spki.equals(one.spki)) continue
    if (sameName(one.subject, other.subject)) {
      throw new CaError(
        'conflict',
        `Authority "${id}" has the name "${nameToText(one.subject)}" with another key, and relying parties find issuers and CRLs by name. Choose another subject.`,
      )
    }
  }
}

/** In any letter case and string type: the text is what most compare. */
function sameName(one: Buffer, other: Buffer): boolean {
  return nameToText(one).toLowerCase() === nameToText(other).toLowerCase()
}
