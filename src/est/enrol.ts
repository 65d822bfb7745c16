import type { Origin, Principal } from '../auth/principal.ts'
import type { Authorities } from '../ca/authorities.ts'
import type { Issued, Issuer, Pending } from '../ca/issue.ts'
import { asksForSubject, renewedNames } from '../ca/policy/subject.ts'
import type { IssuanceRequest } from '../ca/request.ts'
import { contentHash } from '../ca/request-identity.ts'
import type { Profile } from '../config/profile-schema.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { readChangeSubjectName } from '../pki/csr/change-subject-name.ts'
import type { CertificationRequest } from '../pki/csr/parse.ts'
import { proveCsr } from '../pki/csr/prove.ts'
import { nameToText } from '../pki/distinguished-name.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Label } from './labels.ts'

interface Parts {
  readonly issuer: Issuer
  readonly store: Store
  readonly authorities: Pick<Authorities, 'get'>
  readonly profiles: ReadonlyMap<string, Profile>
}

/** A new certificate for whoever may have it (RFC 7030 4.2.1). */
export async function enrol(
  csr: CertificationRequest,
  principal: Principal,
  label: Label,
  origin: Origin,
  { issuer }: Pick<Parts, 'issuer'>,
): Promise<Issued | Pending> {
  const read = () => {
    refuseNameChange(csr)
    return wish(csr, principal, label)
  }
  // The certificate that it is given again needs no signature, of which this one would be proven.
  if (principal.kind === 'token' && principal.token.spentOn !== null) await proveCsr(csr)
  return issuer.issue(read, principal, origin)
}

/** In an enrolment, what is in the attribute would not be what the subject says. */
export function refuseNameChange({ attributes }: CertificationRequest): void {
  if (readChangeSubjectName(attributes)) {
    throw new CaError('malformedRequest', 'ChangeSubjectName belongs to a re-enrolment: leave it out.')
  }
}

/** The same names again, or others where the label allows that (RFC 7030 4.2.2). */
export async function reenrol(
  csr: CertificationRequest,
  principal: Extract<Principal, { kind: 'certificate' }>,
  label: Label,
  origin: Origin,
  parts: Parts,
): Promise<Issued | Pending> {
  const { issuer, store, profiles } = parts
  const old = await store.read.certificate(principal.serialNumber)
  if (!old) throw new CaError('notFound', 'The certificate to renew is not on record.')
  const change = readChangeSubjectName(csr.attributes)
  // RFC 7030 4.2.2: also of a CSR that asks for a change; what shall be new stands in the attribute alone.
  checkSame(csr, old, parts)
  // Of another profile than the label's it is renewed as that profile says.
  const isOfLabel = old.profile === label.profile.name
  const authority = isOfLabel ? label.authority : undefined
  if (!change) {
    const read = () => ({
      proof: { kind: 'csr' as const, csr },
      protocol: 'est' as const,
      authority,
      renewalOf: old,
    })
    return issuer.issue(read, principal, origin)
  }
  if (!label.options.changeNames) {
    throw new CaError('forbidden', 'A re-enrolment keeps its names here: leave ChangeSubjectName out.')
  }
  if (!profiles.get(old.profile)?.renewal) {
    throw new CaError('forbidden', `Profile "${old.profile}" allows no renewal: enrol again.`)
  }
  const names = change.names ?? old.names
  // What a label gives it gives under its profile: that one may want an approval, and another may be one by which a name has a role.
  const held = new Set(old.names.map(nameText))
  if (!isOfLabel && !names.every((name) => held.has(nameText(name)))) {
    throw new CaError(
      'forbidden',
      `Other names than its own come under profile "${label.profile.name}" here, and the certificate has "${old.profile}": enrol them anew.`,
    )
  }
  const grant = { profile: old.profile, names: old.names, patterns: label.patterns }
  const changing: Principal = { kind: 'enrollee', id: principal.id, grant }
  const commonNames = change.subject ? change.commonNames : undefined
  return issuer.issue(
    () => ({ ...wish(csr, changing, label), profile: old.profile, authority, names, commonNames }),
    changing,
    origin,
  )
}

function wish(
  csr: CertificationRequest,
  principal: Principal,
  { profile, authority }: Label,
): IssuanceRequest {
  const proof = { kind: 'csr', csr } as const
  return {
    proof,
    protocol: 'est',
    authority,
    // Said, though it is all that the caller may have: what waits at one label is another request than that at the next.
    ...(principal.kind === 'token' ? {} : { profile: profile.name }),
    // A token is spent by what its holder may never have received. Whoever binds the CSR to the connection has another one by then.
    ...(principal.kind === 'token' ? { idempotencyKey: `est-${contentHash(proof).toString('hex')}` } : {}),
  }
}

function checkSame(
  csr: CertificationRequest,
  old: CertificateRow,
  { authorities, profiles }: Pick<Parts, 'authorities' | 'profiles'>,
): void {
  const { subject } = parseCertificate(old.der)
  // As in an enrolment: without subjectAltName the common name is what is asked for, of which a name was made there.
  const names = renewedNames(csr)
  const profile = profiles.get(old.profile)
  const authority = authorities.get(old.authority)
  // Of a profile that is there no more it is refused further on.
  const isOfSubject = !profile || !authority || asksForSubject(csr, names, subject, profile, authority)
  if (!isOfSubject || texts(names) !== texts(old.names)) {
    throw new CaError(
      'nameNotAllowed',
      `A re-enrolment repeats subject and subjectAltName of the certificate that it renews: "${nameToText(subject)}", ${old.names.map(nameText).join(', ')}.`,
    )
  }
}

function texts(names: readonly SubjectName[]): string {
  return names.map(nameText).sort().join('\n')
}
