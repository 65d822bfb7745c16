import { hasPurpose } from '../config/profile-rules.ts'
import type { Profile } from '../config/profile-schema.ts'
import { CaError } from '../errors.ts'
import { readBasicConstraints, readKeyUsage } from '../pki/certificate/ca-constraints.ts'
import { certificatePolicies, EXTENSION, extendedKeyUsage, keyUsage } from '../pki/certificate/extensions.ts'
import { parseTbs, type TbsInfo } from '../pki/certificate/parse.ts'
import { keyIdentifier } from '../pki/keys/public-key.ts'
import { readGeneralNames } from '../pki/names/general-names.ts'
import type { Grant } from './policy/grant.ts'

const SUBJECT_ALT_NAME = '2.5.29.17'

/** The only extensions that a leaf of this CA may carry, and whether each is critical (null: either). */
const EXTENSIONS: ReadonlyMap<string, boolean | null> = new Map([
  ['2.5.29.14', false], // subjectKeyIdentifier
  ['2.5.29.15', true], // keyUsage
  [SUBJECT_ALT_NAME, null],
  ['2.5.29.19', true], // basicConstraints
  ['2.5.29.31', false], // cRLDistributionPoints
  ['2.5.29.32', false], // certificatePolicies
  ['2.5.29.35', false], // authorityKeyIdentifier
  ['2.5.29.37', null], // extKeyUsage: critical for timeStamping alone
  ['2.5.29.56', false], // noRevAvail
  ['1.3.6.1.5.5.7.1.1', false], // authorityInfoAccess
  ['1.3.6.1.5.5.7.1.24', false], // tlsFeature
  ['1.3.6.1.5.5.7.48.1.5', false], // ocspNoCheck
])

/**
 * The last look before the key is used: reads the finished to-be-signed certificate as a relying party
 * would, and compares it with what policy granted. A difference is a fault of this program, so nothing is signed.
 */
export function checkAgainstGrant(tbs: Buffer, serialNumber: string, grant: Grant): void {
  const body = parseTbs(tbs, 'internal')
  const { authority, publicKey, subject, validity } = grant
  const faults: string[] = []
  const check = (holds: boolean, what: string) => {
    if (!holds) faults.push(what)
  }

  check(body.serialNumber === serialNumber && serialNumber.length === 40, 'serialNumber')
  check(body.issuer.equals(authority.certificate.subject), 'issuer')
  check(body.subject.equals(subject), 'subject')
  check(body.notBefore === validity.notBefore && body.notAfter === validity.notAfter, 'validity')
  check(
    body.notBefore >= authority.certificate.notBefore && body.notAfter <= authority.usableUntil,
    'validity beyond the issuer',
  )
  check(body.spki.equals(publicKey.spki), 'subjectPublicKeyInfo')
  check(sameNames(body, grant), 'subjectAltName')
  check(body.authorityKeyIdentifier?.equals(authority.keyIdentifier) === true, 'authorityKeyIdentifier')
  check(body.subjectKeyIdentifier?.equals(keyIdentifier(publicKey)) === true, 'subjectKeyIdentifier')
  check(
    authority.signer?.algorithm.identifier.equals(body.signatureAlgorithm.der) === true,
    'signature algorithm',
  )
  checkProfileExtensions(body, grant.profile, check)
  for (const { oid, critical } of body.extensions) {
    const allowed = EXTENSIONS.get(oid)
    check(allowed !== undefined && (allowed === null || allowed === critical), `extension ${oid}`)
  }
  if (faults.length > 0) {
    throw new CaError('internal', `The certificate differs from what was granted: ${faults.join(', ')}.`)
  }
}

/** What the profile asks for is there, and what it does not ask for is not. */
function checkProfileExtensions(
  body: TbsInfo,
  profile: Profile,
  check: (holds: boolean, what: string) => void,
): void {
  const found = (oid: string) => body.extensions.find((extension) => extension.oid === oid)?.value
  const { noRevocation } = profile
  check(readBasicConstraints(body).ca === false, 'basicConstraints')
  const revocable = profile.crlDistributionPoint && !noRevocation
  check((found(EXTENSION.crlDistributionPoints) !== undefined) === revocable, 'cRLDistributionPoints')
  check(
    (found(EXTENSION.authorityInformationAccess) !== undefined) === profile.authorityInformation,
    'authorityInfoAccess',
  )
  check((found(EXTENSION.noRevAvail) !== undefined) === noRevocation, 'noRevAvail')
  check((found(EXTENSION.tlsFeature) !== undefined) === profile.mustStaple, 'tlsFeature')
  // RFC 6960 4.2.2.2.1: for responders, and for nobody else.
  check((found(EXTENSION.ocspNoCheck) !== undefined) === hasPurpose(profile, 'OCSPSigning'), 'ocspNoCheck')
  const wanted = valuesOf(profile)
  check(sameBytes(found(EXTENSION.keyUsage), wanted.keyUsage), 'keyUsage')
  check(sameBytes(found(EXTENSION.extendedKeyUsage), wanted.extendedKeyUsage), 'extKeyUsage')
  check(sameBytes(found(EXTENSION.certificatePolicies), wanted.policies), 'certificatePolicies')
}

interface Values {
  readonly keyUsage: Buffer | undefined
  readonly extendedKeyUsage: Buffer | undefined
  readonly policies: Buffer | undefined
}

const values = new WeakMap<Profile, Values>()

/** What follows from the profile alone, encoded once; the key usage is read back once as well. */
function valuesOf(profile: Profile): Values {
  const known = values.get(profile)
  if (known) return known
  const { keyUsage: usages, extendedKeyUsage: purposes, policies } = profile
  const usage = usages.length > 0 ? keyUsage(usages) : undefined
  const read = usage ? [...readKeyUsage({ extensions: [usage] })!] : []
  if (read.sort().join() !== [...usages].sort().join())
    throw new CaError('internal', `The key usage of profile "${profile.name}" cannot be encoded.`)
  const made = {
    keyUsage: usage?.value,
    extendedKeyUsage: purposes.length > 0 ? extendedKeyUsage(purposes).value : undefined,
    policies: policies.length > 0 ? certificatePolicies(policies).value : undefined,
  }
  values.set(profile, made)
  return made
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b)
}

function sameNames(body: TbsInfo, grant: Grant): boolean {
  const san = body.extensions.find(({ oid }) => oid === SUBJECT_ALT_NAME)
  // RFC 5280 4.1.2.6: without a name in the SAN the subject is the identity.
  if (grant.names.length === 0) return san === undefined && grant.subject.length > 2
  if (!san || san.critical !== (grant.subject.length === 2)) return false
  const read = readGeneralNames(san.value, 'subjectAltName', 'internal')
  return (
    read.length === grant.names.length &&
    read.every(({ type, value }, i) => type === grant.names[i]!.type && value === grant.names[i]!.value)
  )
}
