import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { readBasicConstraints } from '../../pki/certificate/ca-constraints.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import type { RootInstallation } from '../../store/authority-commands.ts'
import type { AuditEntry, CrlRecord } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import type { Authority } from '../authority.ts'
import { isSignedBy, proveAuthorityChain, proveRoot } from './chain.ts'
import { proveSuccessor } from './install.ts'
import { crlToBring, firstCrl, thoseBehind } from './install-crl.ts'
import { isCrlOf, proveCrl } from './prove-crl.ts'
import { rootId } from './root.ts'

const CODE = 'badAuthorityCertificate'

/** DER. */
export interface RootMaterial {
  /** Roots, and cross-certificates: what one authority signed for the key of another. */
  readonly certificates: readonly Buffer[]
  readonly crls: readonly Buffer[]
}

export interface InstalledRoots {
  /** Ids of roots that are new. */
  readonly roots: readonly string[]
  /** Ids of known roots whose CRL is replaced. */
  readonly crls: readonly string[]
  /** How many cross-certificates were given that are proven now. */
  readonly crossCertificates: number
}

type Known = Pick<Authority, 'id' | 'role' | 'state' | 'certificate' | 'chain'>

/**
 * Installs further roots, each with its CRL, and cross-certificates, after proving all of it. Roots that are known may be
 * among them; a newer CRL of one replaces what is here.
 * Throws `CaError` "badAuthorityCertificate" or "badCrl" with the reason, "conflict" where a new root has the name of another key, or a
 * CRL is no newer.
 */
export async function installRoots(
  store: Store,
  known: readonly Known[],
  { certificates, crls }: RootMaterial,
  now: Date,
  audit: AuditEntry,
): Promise<InstalledRoots> {
  const seconds = epochSeconds(now)
  const infos = certificates.map((der) => parseCertificate(der, CODE))
  if (infos.length === 0)
    throw new CaError(CODE, 'There is no certificate: give a root, or a cross-certificate.')
  const isKnown = ({ der }: CertificateInfo) => known.some(({ certificate }) => certificate.der.equals(der))
  const roots = infos
    .filter((info) => info.subject.equals(info.issuer) && !isKnown(info))
    .map((info) => newRoot(info, known, crls, seconds))
  const fresh = roots.map(
    ({ id, info }): Known => ({ id, role: 'root', state: 'active', certificate: info, chain: [] }),
  )
  const cross = infos
    .filter((info) => !info.subject.equals(info.issuer) && !isKnown(info))
    .map((info) => crossCertificate(info, [...known, ...fresh], seconds))
  const newer = await newerCrls(store, { known, fresh, crls, now: seconds })
  await store.write('installRoots', {
    roots: roots.map(({ id, info, crl }) => ({ id, certificate: info.der, crl })),
    crls: newer,
    crossCertificates: cross,
    at: seconds,
    audit: {
      ...audit,
      target: [
        ...fresh.map(({ id }) => id),
        ...newer.map(({ authority }) => authority),
        ...cross.map(({ subject }) => subject),
      ]
        .join(' ')
        .slice(0, 80),
      detail: {
        roots: fresh.map(({ id }) => id),
        ...(newer.length > 0
          ? { crls: newer.map(({ authority, number }) => `${authority}: ${number}`) }
          : {}),
        cross: cross.map(({ subject, issuer }) => `${subject} by ${issuer}`),
      },
    },
  })
  return {
    roots: fresh.map(({ id }) => id),
    crls: newer.map(({ authority }) => authority),
    crossCertificates: cross.length,
  }
}

interface NewRoot {
  readonly id: string
  readonly info: CertificateInfo
  readonly crl: RootInstallation['roots'][number]['crl']
}

function newRoot(
  info: CertificateInfo,
  known: readonly Known[],
  crls: readonly Buffer[],
  now: number,
): NewRoot {
  proveRoot(info, now)
  const namesake = known.find(
    ({ certificate }) => certificate.subject.equals(info.subject) && !certificate.spki.equals(info.spki),
  )
  // Proxies find issuers and CRLs by name: of two keys with one name they try the wrong one.
  if (namesake) {
    throw new CaError(
      'conflict',
      `Authority "${namesake.id}" has the name "${nameToText(info.subject)}" with another key. Make the new root with another subject.`,
    )
  }
  const der = crls.find((one) => isCrlOf(one, info))
  // Without it the bundle of CRLs, which is whole or not served at all, would be gone.
  if (!der) {
    throw new CaError(
      'badCrl',
      `The CRL of "${nameToText(info.subject)}" is missing, which consumers that check the whole chain need: make it with "chancery root crl --first", and give both.`,
    )
  }
  return { id: rootId(info), info, crl: firstCrl(der, info, now) }
}

/**
 * Those of roots that are known, without those that are here already. "badCrl" for one that is nobody's: whoever gives it would think
 * that it is published.
 */
async function newerCrls(
  store: Store,
  {
    known,
    fresh,
    crls,
    now,
  }: { known: readonly Known[]; fresh: readonly Known[]; crls: readonly Buffer[]; now: number },
): Promise<Omit<CrlRecord, 'audit'>[]> {
  const newer: Omit<CrlRecord, 'audit'>[] = []
  for (const der of crls) {
    const isOfFresh = fresh.some(({ certificate }) => isCrlOf(der, certificate))
    // Several where a root was renewed with its key.
    const roots = known.filter(({ role, certificate }) => role === 'root' && isCrlOf(der, certificate))
    const [first, ...others] = roots
    if (!first && !isOfFresh)
      throw new CaError(
        'badCrl',
        'One of the CRLs is of no root that is known here or comes along, or its signature does not verify: leave it out.',
      )
    if (!first) continue
    const behind = await thoseBehind(store, roots, Number(proveCrl(der, first.certificate).number))
    const stored = await store.read.latestCrl(first.id)
    const isNews = !isOfFresh && others.length === 0 && !stored?.der.equals(der)
    for (const root of isNews ? roots : roots.filter(({ id }) => behind.includes(id)))
      newer.push(await crlToBring(store, root, der, now))
  }
  return newer
}

function crossCertificate(info: CertificateInfo, known: readonly Known[], now: number) {
  const named = `"${nameToText(info.subject)}"`
  const subject = preferred(
    known.filter(
      ({ certificate }) => certificate.subject.equals(info.subject) && certificate.spki.equals(info.spki),
    ),
  )
  if (!subject) {
    throw new CaError(
      CODE,
      `No authority here has the name ${named} and the key of this certificate. Install the root itself first, or along with it.`,
    )
  }
  const issuer = preferred(
    known.filter(
      ({ certificate }) => certificate.subject.equals(info.issuer) && isSignedBy(info, certificate),
    ),
  )
  if (!issuer) {
    throw new CaError(
      CODE,
      `${named} is signed by "${nameToText(info.issuer)}", and no authority here has that name and the key. Install that root first, or along with it.`,
    )
  }
  proveAuthorityChain([info.der, issuer.certificate.der, ...issuer.chain], subject.certificate.spki, now)
  proveSuccessor(info, subject.certificate)
  const { pathLength } = readBasicConstraints(info)
  if (subject.role !== 'issuing' && pathLength === 0) {
    throw new CaError(
      CODE,
      `${named} has path length 0, but intermediates stand below the ${subject.role}. Sign it without.`,
    )
  }
  return { certificate: info.der, subject: subject.id, issuer: issuer.id }
}

/** Of the same CA by several certificates, as where a root was renewed with its key: what is in the bundles, and for longest. */
function preferred(some: readonly Known[]): Known | undefined {
  const rank = ({ state }: Known) => (state === 'retired' ? 1 : 0)
  return some.toSorted((a, b) => rank(a) - rank(b) || b.certificate.notAfter - a.certificate.notAfter)[0]
}
