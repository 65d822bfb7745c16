import { epochSeconds, rfc3339 } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { readBasicConstraints } from '../../pki/certificate/ca-constraints.ts'
import {
  authorityInformationAccess,
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  crlDistributionPoints,
  EXTENSION,
  type Extension,
  keyUsage,
  type NameConstraints,
  nameConstraints,
  subjectKeyIdentifier,
} from '../../pki/certificate/extensions.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { encodeTbs } from '../../pki/certificate/tbs.ts'
import { nameToText, readName } from '../../pki/distinguished-name.ts'
import { keyIdentifier, readPublicKey } from '../../pki/keys/public-key.ts'
import { newSerialNumber } from '../../pki/serial-number.ts'
import { assembleSigned } from '../../pki/signed.ts'
import type { PublicUrls } from '../certificate-template.ts'
import type { Signer } from '../signer.ts'
import type { OpenRoot } from './root.ts'

/** What relying parties keep a root to if it says so itself: a way around it would free all that it signed. */
const LIMITS: readonly string[] = [EXTENSION.nameConstraints, EXTENSION.extendedKeyUsage]

/** Clocks of relying parties may be a little behind. Seconds. */
const BACKDATE = 300

/** RFC 5280 4.2.1.4 */
const ANY_POLICY = '2.5.29.32.0'

/** A self-signed root (RFC 5280 4.2.1.9): no path length of its own, keyCertSign and cRLSign. `validity` in seconds. */
export async function makeRootCertificate(
  signer: Signer,
  subject: Buffer,
  validity: number,
  now: Date,
): Promise<CertificateInfo> {
  const id = keyIdentifier(readPublicKey(signer.spki))
  return sign(signer, {
    issuer: subject,
    subject,
    spki: signer.spki,
    ...lifeOf(validity, now),
    extensions: [
      basicConstraints({ ca: true }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(id),
    ],
  })
}

export interface IntermediateWish {
  readonly subject: Buffer
  readonly spki: Buffer
  readonly pathLength: number | undefined
  readonly nameConstraints: NameConstraints | null
  /** Where these are null: as a CSR asks for them, encoded. */
  readonly askedConstraints?: Buffer | undefined
  /** Seconds; cut at the root's end. */
  readonly validity: number
  /** Where the root's CRL and certificate are served, if that is known already. */
  readonly urls: PublicUrls | null
}

/** An intermediate, signed by the root. */
export async function makeIntermediateCertificate(
  wish: IntermediateWish,
  root: CertificateInfo,
  rootId: string,
  rootSigner: Signer,
  now: Date,
): Promise<CertificateInfo> {
  // RFC 5280 4.1.2.6 wants it for a CA: certificates and CRLs find their issuer by it.
  if (readName(wish.subject).length === 0)
    throw new CaError(
      'badName',
      'A CA needs a subject, such as "CN=Example Issuing CA": make its CSR with one.',
    )
  const asked = wish.nameConstraints === null ? wish.askedConstraints : undefined
  const extensions = [
    ...caExtensions(wish),
    ...(asked ? [{ oid: EXTENSION.nameConstraints, critical: true, value: asked }] : []),
    authorityKeyIdentifier(root.subjectKeyIdentifier!),
    // Without it the policies of profiles would count for nothing: RFC 5280 6.1.3 empties the tree at a CA that has none.
    certificatePolicies([ANY_POLICY]),
  ]
  if (wish.urls) {
    extensions.push(crlDistributionPoints([wish.urls.crl(rootId)]))
    extensions.push(authorityInformationAccess({ ocsp: [], caIssuers: [wish.urls.issuer(rootId)] }))
  }
  return sign(rootSigner, {
    issuer: root.subject,
    subject: wish.subject,
    spki: wish.spki,
    ...lifeWithin([root], wish.validity, now),
    extensions,
  })
}

export interface CrossWish {
  /** The root whose key is certified: name, key, identifier and limits are kept, so that what it signed chains to either. */
  readonly of: CertificateInfo
  /** Seconds; cut at the end of both roots. */
  readonly validity: number
  /** Where the signing root's CRL and certificate are served. */
  readonly urls: PublicUrls
}

/** A cross-certificate: another root's key, signed by this root (RFC 4210 4.4: OldWithNew, NewWithOld). */
export async function makeCrossCertificate(
  wish: CrossWish,
  root: OpenRoot,
  now: Date,
): Promise<CertificateInfo> {
  const { of, urls } = wish
  const { pathLength } = readBasicConstraints(of)
  return sign(root.signer, {
    issuer: root.certificate.subject,
    subject: of.subject,
    spki: of.spki,
    ...lifeWithin([root.certificate, of], wish.validity, now),
    extensions: [
      basicConstraints({ ca: true, pathLength: pathLength ?? undefined }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(of.subjectKeyIdentifier ?? keyIdentifier({ bits: of.keyBits })),
      ...of.extensions.filter(({ oid }) => LIMITS.includes(oid)),
      authorityKeyIdentifier(root.certificate.subjectKeyIdentifier!),
      certificatePolicies([ANY_POLICY]),
      crlDistributionPoints([urls.crl(root.id)]),
      authorityInformationAccess({ ocsp: [], caIssuers: [urls.issuer(root.id)] }),
    ],
  })
}

/** What the intermediate is to be able to do, in its certificate or in the CSR for one. */
export function caExtensions(
  wish: Pick<IntermediateWish, 'spki' | 'pathLength' | 'nameConstraints'>,
): Extension[] {
  const extensions = [
    basicConstraints({ ca: true, pathLength: wish.pathLength }),
    keyUsage(['digitalSignature', 'keyCertSign', 'cRLSign']),
    subjectKeyIdentifier(keyIdentifier(readPublicKey(wish.spki))),
  ]
  if (wish.nameConstraints) extensions.push(nameConstraints(wish.nameConstraints))
  return extensions
}

function lifeOf(validity: number, now: Date) {
  const seconds = epochSeconds(now)
  return { notBefore: seconds - BACKDATE, notAfter: seconds + validity }
}

/** Cut where one of the roots begins or ends. Throws what `refuseOutside` throws. */
function lifeWithin(roots: readonly CertificateInfo[], validity: number, now: Date) {
  for (const root of roots) refuseOutside(root, now)
  const { notBefore, notAfter } = lifeOf(validity, now)
  return {
    notBefore: Math.max(notBefore, ...roots.map((root) => root.notBefore)),
    notAfter: Math.min(notAfter, ...roots.map((root) => root.notAfter)),
  }
}

/** "conflict" where a root is not valid now: the clock of a machine that is offline is often wrong. */
export function refuseOutside({ subject, notBefore, notAfter }: CertificateInfo, now: Date): void {
  const seconds = epochSeconds(now)
  if (notBefore <= seconds && seconds < notAfter) return
  throw new CaError(
    'conflict',
    `"${nameToText(subject)}" is valid from ${rfc3339(notBefore)} until ${rfc3339(notAfter)}, and by the clock of this machine it is ${rfc3339(seconds)}: nobody would take what is signed.`,
  )
}

async function sign(
  signer: Signer,
  body: Omit<Parameters<typeof encodeTbs>[0], 'serialNumber' | 'signature'>,
): Promise<CertificateInfo> {
  const tbs = encodeTbs({ ...body, serialNumber: newSerialNumber(), signature: signer.algorithm })
  return parseCertificate(assembleSigned(tbs, signer.algorithm, await signer.sign(tbs)))
}
