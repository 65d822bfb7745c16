import { X509Certificate } from 'node:crypto'
import { CaError } from '../../errors.ts'
import { readBasicConstraints, readKeyUsage, readPurposes } from '../../pki/certificate/ca-constraints.ts'
import { EXTENSION } from '../../pki/certificate/extensions.ts'
import { isSubjectOutside, readNameLimits } from '../../pki/certificate/name-constraints.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../pki/keys/algorithms.ts'
import { readPublicKey } from '../../pki/keys/public-key.ts'

const CODE = 'badAuthorityCertificate'
const DAY = 86_400

/** Extensions of CA certificates that relying parties process (RFC 5280 6.1). */
const KNOWN: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.nameConstraints,
  EXTENSION.certificatePolicies,
  EXTENSION.extendedKeyUsage,
  '2.5.29.36', // policyConstraints
  '2.5.29.54', // inhibitAnyPolicy
])

/**
 * Proves a chain for an issuing authority: `chain[0]` belongs to the key, each certificate is a CA that may sign the one
 * below it, everything is valid now, and the last is a self-signed root. Throws `CaError` with the reason.
 */
export function proveAuthorityChain(chain: readonly Buffer[], spki: Buffer, now: number): CertificateInfo[] {
  const [first, ...above] = chain.map((der) => parseCertificate(der, CODE))
  if (!first)
    throw new CaError(
      CODE,
      'The chain is empty: give the signed certificate, then its issuers, the root last.',
    )
  if (!first.spki.equals(spki)) {
    throw new CaError(
      CODE,
      'The first certificate is for another key than this authority’s. Sign the CSR that "chancery authority csr" prints.',
    )
  }
  const infos = [first, ...above]
  const root = infos.at(-1)!
  if (!root.subject.equals(root.issuer)) {
    throw new CaError(
      CODE,
      `The chain ends at ${describe(root)}, which is not self-signed. Append its issuers up to the root.`,
    )
  }
  const twice = infos.find((info, depth) => infos.slice(0, depth).some(({ der }) => der.equals(info.der)))
  if (twice) throw new CaError(CODE, `The chain has ${describe(twice)} twice. Give each certificate once.`)
  if (infos.length === 1)
    throw new CaError(CODE, 'The certificate is self-signed: an issuing authority stands below a root.')
  infos.forEach((info, depth) => {
    checkCa(info, depth, now)
  })
  infos.forEach((info, depth) => {
    const issuer = infos[depth + 1] ?? root
    checkSignature(info, issuer)
    checkEnd(info, issuer)
    checkName(info, infos.slice(depth + 1))
  })
  checkIssuing(first)
  return infos
}

/** A root that stands by itself: self-signed, a CA that may sign certificates and CRLs, valid now. Throws `CaError` with the reason. */
export function proveRoot(root: CertificateInfo, now: number): void {
  // Intermediates stand below it.
  checkCa(root, 1, now)
  checkSignature(root, root)
  checkIssuing(root)
}

/** What this service will sign with must be beyond doubt; certificates above it may be old, and are what they are. */
function checkIssuing(info: CertificateInfo): void {
  // RFC 5280 4.2.1.3: a CA must say so. Without cRLSign its CRLs would be refused.
  const usage = readKeyUsage(info)
  if (!usage?.has('keyCertSign') || !usage.has('cRLSign')) {
    throw new CaError(CODE, `${describe(info)} needs the key usages keyCertSign and cRLSign.`)
  }
  const unknown = info.extensions.find(({ oid, critical }) => critical && !KNOWN.has(oid))
  if (unknown) {
    throw new CaError(
      CODE,
      `${describe(info)} has the critical extension ${unknown.oid}, which relying parties may not know and would then refuse.`,
    )
  }
}

/** A day's grace: an intermediate signed for as many days as its root, some minutes later, is no mistake. */
function checkEnd(info: CertificateInfo, issuer: CertificateInfo): void {
  if (info.notAfter > issuer.notAfter + DAY) {
    throw new CaError(
      CODE,
      `${describe(info)} outlives its issuer ${describe(issuer)}. Have it signed for a shorter time.`,
    )
  }
}

/** RFC 5280 6.1.3 (b) and (c): those above may keep it to names, unless it is self-issued. */
function checkName(info: CertificateInfo, above: readonly CertificateInfo[]): void {
  if (info.subject.equals(info.issuer)) return
  for (const one of above) {
    const limits = readNameLimits(one, CODE)
    if (limits && isSubjectOutside(info.subject, limits))
      throw new CaError(
        CODE,
        `The name constraints of ${describe(one)} leave out ${describe(info)}, and with it all that it would sign. Have it signed with a subject that they permit.`,
      )
  }
}

function checkCa(info: CertificateInfo, depth: number, now: number): void {
  const { ca, pathLength } = readBasicConstraints(info)
  if (!ca) throw new CaError(CODE, `${describe(info)} is no CA: basicConstraints must say CA:TRUE.`)
  if (readKeyUsage(info)?.has('keyCertSign') === false) {
    throw new CaError(CODE, `${describe(info)} lacks key usage keyCertSign.`)
  }
  // RFC 5280 6.1.4: as many CA certificates may stand below it as the path length says.
  if (pathLength !== null && pathLength < depth) {
    throw new CaError(
      CODE,
      `${describe(info)} has path length ${pathLength}, but ${depth} CA certificate(s) stand below it.`,
    )
  }
  if (now < info.notBefore) throw new CaError(CODE, `${describe(info)} is not valid yet.`)
  if (now > info.notAfter) throw new CaError(CODE, `${describe(info)} has expired.`)
  readPublicKey(info.spki, CODE)
  // Each start reads these: what it cannot read must not come to be on record.
  readPurposes(info)
  readNameLimits(info, CODE)
}

function checkSignature(info: CertificateInfo, issuer: CertificateInfo): void {
  if (!info.issuer.equals(issuer.subject)) {
    const named = nameToText(info.issuer)
    const types =
      named === nameToText(issuer.subject)
        ? ' in other string types, and relying parties compare octets: have the name signed as it stands there'
        : ''
    throw new CaError(
      CODE,
      `${describe(info)} was issued by "${named}", but the next in the chain is ${describe(issuer)}${types}.`,
    )
  }
  if (!SIGNATURE_ALGORITHMS.some(({ oid }) => oid === info.signatureAlgorithm.oid)) {
    throw new CaError(
      CODE,
      `${describe(info)} is signed with an algorithm that is weak or not supported (${info.signatureAlgorithm.oid}).`,
    )
  }
  if (!isSignedBy(info, issuer)) {
    throw new CaError(
      CODE,
      `The signature of ${describe(info)} does not verify with the key of ${describe(issuer)}.`,
    )
  }
  // RFC 5280 4.2.1.1 has it help to choose among issuers, but OpenSSL takes none that it does not fit; nor does GnuTLS, of the key.
  if (!readByOpenSsl(info).checkIssued(readByOpenSsl(issuer))) {
    throw new CaError(
      CODE,
      `The authorityKeyIdentifier of ${describe(info)} is not of this certificate of ${describe(issuer)}, but of another for its key, as before a renewal: OpenSSL, for one, would refuse the chain. Give that one, or have ${describe(info)} signed again.`,
    )
  }
}

/** Throws `CaError` where OpenSSL cannot read it. */
export function isSignedBy(info: CertificateInfo, issuer: Pick<CertificateInfo, 'spki'>): boolean {
  return readByOpenSsl(info).verify(readPublicKey(issuer.spki, CODE).keyObject)
}

/** It looks into the strings of names, which `parseCertificate` leaves as they are. */
function readByOpenSsl(info: CertificateInfo): X509Certificate {
  try {
    return new X509Certificate(info.der)
  } catch (cause) {
    throw new CaError(
      CODE,
      `OpenSSL cannot read ${describe(info)}, nor can relying parties that use it: look at the string types of its names. Have it made anew.`,
      { cause },
    )
  }
}

function describe(info: CertificateInfo): string {
  return `"${nameToText(info.subject)}"`
}
