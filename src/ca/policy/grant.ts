import type { Principal } from '../../auth/principal.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import { EXTENSION } from '../../pki/certificate/extensions.ts'
import { encodeName, nameToText } from '../../pki/distinguished-name.ts'
import type { StatedKey } from '../../pki/keys/public-key.ts'
import { distinctNames, nameText, type SubjectName } from '../../pki/names/san.ts'
import type { CertificateRow } from '../../store/queries.ts'
import type { Authorities } from '../authorities.ts'
import type { IssuingAuthority } from '../authority.ts'
import { isInternal, RESPONDER_PROFILE } from '../internal-profiles.ts'
import { type IssuanceRequest, requestedKey } from '../request.ts'
import { checkNames } from './names.ts'
import { narrowLife, narrowNames } from './narrowing.ts'
import { checkPurposes } from './purposes.ts'
import { checkSubject, csrNames, grantSubject, ownSubject, renewedNames, renewedSubject } from './subject.ts'
import { grantValidity, type Validity } from './validity.ts'

/** What policy allows: the certificate that will be made holds exactly this, and is compared with it before signing. */
export interface Grant {
  readonly profile: Profile
  readonly authority: IssuingAuthority
  readonly publicKey: StatedKey
  readonly names: readonly SubjectName[]
  /** DER Name. */
  readonly subject: Buffer
  readonly validity: Validity
  readonly replaces: string | null
}

export interface PolicyContext {
  readonly profiles: ReadonlyMap<string, Profile>
  readonly defaultProfile: string
  readonly authorities: Authorities
}

/** May this principal have these names, this key, this life, under this profile? `now` in seconds. Throws `CaError`. */
export function decide(
  request: IssuanceRequest,
  principal: Principal,
  context: PolicyContext,
  now: number,
): Grant {
  if (principal.kind === 'operator' || principal.kind === 'auditor')
    throw new CaError('forbidden', 'Of those with a role only an admin gets certificates.')
  const profile = chooseProfile(request, principal, context)
  const chosen = chooseAuthority(request, principal, profile)
  const authority =
    profile.name === RESPONDER_PROFILE && chosen !== undefined
      ? context.authorities.signing(chosen)
      : context.authorities.issuing(chosen)
  const publicKey = requestedKey(request.proof)
  checkKey(publicKey, profile)
  checkExtensions(request, profile)
  checkPurposes(profile, authority)
  if (request.renewalOf)
    return renewal(request, request.renewalOf, principal, { profile, authority, publicKey }, now)

  if (principal.kind === 'account' && principal.order === null)
    throw new CaError('forbidden', 'An ACME account gets certificates by its orders alone.')
  if (principal.kind === 'certificate') {
    throw new CaError(
      'forbidden',
      'A certificate may renew itself and nothing else: use its renew address, or an enrolment token.',
    )
  }
  if (request.proof.kind !== 'csr') throw new CaError('malformedCsr', 'A new certificate needs a CSR.')
  const { csr } = request.proof
  const asked = distinctNames(request.names ?? csrNames(csr))
  const names = narrowNames(asked, request)
  checkNames(names, profile, authority, principal)
  const commonNames = request.commonNames ?? csr.commonNames
  const wished = encodeName(grantSubject(commonNames, asked, names, profile, authority))
  const subject = isInternal(profile.name) ? ownSubject(wished, authority) : wished
  checkSubject(subject, authority)
  const grantedAt = principal.kind === 'account' ? principal.order?.grantedAt : undefined
  const validity = grantValidity(narrowLife(request, profile, now), profile, authority, now, grantedAt)
  return { profile, authority, publicKey, names, subject, validity, replaces: null }
}

/** A renewal keeps subject and names: Kafka reloads a keystore only then, and an identity must not drift. */
function renewal(
  request: IssuanceRequest,
  old: CertificateRow,
  principal: Principal,
  chosen: Pick<Grant, 'profile' | 'authority' | 'publicKey'>,
  now: number,
): Grant {
  const { profile, authority } = chosen
  if (principal.kind === 'certificate' && principal.serialNumber !== old.serialNumber) {
    throw new CaError('forbidden', 'A certificate may renew itself and no other.')
  }
  if (old.revocation)
    throw new CaError('certificateRevoked', 'The certificate is revoked: enrol again with a new token.')
  if (old.notAfter < now)
    throw new CaError('certificateExpired', 'The certificate has expired: enrol again with a new token.')
  if (!profile.renewal)
    throw new CaError('forbidden', `Profile "${profile.name}" allows no renewal: enrol again.`)
  if (request.proof.kind === 'csr') {
    const asked = renewedNames(request.proof.csr)
    if (asked.length > 0 && !sameNames(asked, old.names)) {
      throw new CaError(
        'nameNotAllowed',
        'A renewal keeps the names of the certificate; the CSR asks for others.',
      )
    }
  }
  if (request.narrowed?.names && !sameNames(request.narrowed.names, old.names)) {
    throw new CaError(
      'nameNotAllowed',
      'A renewal keeps the names of the certificate: approve all, or refuse it.',
    )
  }
  checkNames(old.names, profile, authority, principal)
  const subject = renewedSubject(old, profile, authority)
  checkSubject(subject, authority, true)
  const validity = grantValidity(narrowLife(request, profile, now), profile, authority, now)
  return { ...chosen, names: old.names, subject, validity, replaces: old.serialNumber }
}

function chooseProfile(request: IssuanceRequest, principal: Principal, context: PolicyContext): Profile {
  const granted = grantedProfile(principal)
  const kept = request.renewalOf?.profile
  for (const fixed of [granted, kept]) {
    if (fixed !== undefined && request.profile !== undefined && request.profile !== fixed) {
      throw new CaError(
        'forbidden',
        `Profile "${request.profile}" was asked for, but this request may use "${fixed}" alone.`,
      )
    }
  }
  if (granted !== undefined && kept !== undefined && granted !== kept) {
    throw new CaError(
      'forbidden',
      `This request may use profile "${granted}" alone, and the certificate has "${kept}".`,
    )
  }
  const name = askedProfile(request, principal) ?? context.defaultProfile
  const profile = context.profiles.get(name)
  if (!profile || (isInternal(name) && principal.kind !== 'system')) {
    const known = [...context.profiles.keys()].filter((one) => !isInternal(one))
    throw new CaError('unknownProfile', `There is no profile "${name}". Known: ${known.join(', ')}.`)
  }
  return profile
}

/** The name of the profile that a request is about, be it one of ours or not; undefined where it says nothing. */
export function askedProfile(
  request: Pick<IssuanceRequest, 'profile' | 'renewalOf'>,
  principal: Principal,
): string | undefined {
  return request.profile ?? grantedProfile(principal) ?? request.renewalOf?.profile
}

function grantedProfile(principal: Principal): string | undefined {
  if (principal.kind === 'token') return principal.token.profile
  if (principal.kind === 'enrollee') return principal.grant.profile
  return principal.kind === 'account' ? principal.order?.profile : undefined
}

/** Only an admin may go past the authority that the profile or the configuration sets; over EST, the label says it where the profile does not. */
function chooseAuthority(
  { authority, protocol }: IssuanceRequest,
  principal: Principal,
  profile: Profile,
): string | undefined {
  if (authority === undefined || authority === profile.authority) return profile.authority
  if (protocol === 'est') return profile.authority ?? authority
  if (principal.kind === 'admin' || principal.kind === 'system') return authority
  throw new CaError('forbidden', 'Only an admin may choose the authority: leave it out.')
}

function checkKey(publicKey: StatedKey, profile: Profile): void {
  if (!profile.keyTypes.includes(publicKey.type)) {
    throw new CaError(
      'keyNotAllowed',
      `Profile "${profile.name}" takes no ${publicKey.type} keys. Allowed: ${profile.keyTypes.join(', ')}.`,
    )
  }
}

function checkExtensions(request: IssuanceRequest, profile: Profile): void {
  if (profile.extensions !== 'refuse' || request.proof.kind !== 'csr') return
  const others = request.proof.csr.extensions.filter(({ oid }) => oid !== EXTENSION.subjectAltName)
  if (others.length > 0) {
    throw new CaError(
      'extensionNotAllowed',
      `Profile "${profile.name}" sets every extension itself; leave these out of the CSR: ${others.map(({ oid }) => oid).join(', ')}.`,
    )
  }
}

function sameNames(a: readonly SubjectName[], b: readonly SubjectName[]): boolean {
  const texts = (names: readonly SubjectName[]) => [...new Set(names.map(nameText))].sort().join('\n')
  return texts(a) === texts(b)
}

/** For the inventory and the log: the subject as people read it. */
export function subjectText(grant: Grant): string {
  return nameToText(grant.subject)
}
