import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { readPurposes } from '../pki/certificate/ca-constraints.ts'
import { fingerprint } from '../pki/certificate/fingerprint.ts'
import { readNameLimits } from '../pki/certificate/name-constraints.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import type { HashName } from '../pki/keys/algorithms.ts'
import { decryptPkcs8 } from '../pki/keys/pkcs8.ts'
import { keyIdentifier } from '../pki/keys/public-key.ts'
import type { AuthorityRow, CrossCertificateRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Authority, IssuingAuthority } from './authority.ts'
import { RESPONDER_PROFILE } from './internal-profiles.ts'
import { checkKeyFileMode } from './key-file.ts'
import { createKeySigner } from './key-signer.ts'
import { lineOf, standIn } from './lines.ts'
import { type TrustPath, trustPaths } from './trust-paths.ts'

/**
 * For so long a retired authority goes on after its last certificate: for clocks that are behind, and for the list that still
 * names what expired (RFC 5280 3.3). Seconds.
 */
export const LAST_ANSWERS = 7 * 86_400

/** Which way up to a root a leaf is sent with, where there are several. */
export interface PathPreference {
  /** The id of the root to which leaves of this profile shall lead; undefined: the authority's own. */
  readonly rootFor: (profile: string) => string | undefined
  readonly clock: Clock
}

/** Every authority that this service speaks for, in memory; `reload` after one was added or installed. */
export class Authorities {
  readonly #store: Store
  readonly #directory: string
  readonly #passphrase: string
  readonly #preference: PathPreference
  #byId = new Map<string, Authority>()
  #cross: readonly (CrossCertificateRow & { readonly notAfter: number })[] = []
  #paths = new Map<string, readonly TrustPath[]>()
  #reading: Promise<void> = Promise.resolve()
  /** What was recorded while they are being read, which may have asked before that was durable; null while they are not. */
  #meanwhile: Parameters<Authorities['recorded']>[] | null = null

  /** There is none of them before `reload`. */
  constructor(store: Store, directory: string, passphrase: string, preference: PathPreference) {
    this.#store = store
    this.#directory = directory
    this.#passphrase = passphrase
    this.#preference = preference
  }

  /** One after the other: of two at once, the one that read before the newest change must not have the last word. */
  reload(): Promise<void> {
    const read = this.#reading.then(() => this.#read())
    this.#reading = read.catch(() => {})
    return read
  }

  async #read(): Promise<void> {
    const missed: Parameters<Authorities['recorded']>[] = []
    this.#meanwhile = missed
    try {
      await this.#readAll()
    } finally {
      this.#meanwhile = null
    }
    for (const one of missed) this.recorded(...one)
  }

  async #readAll(): Promise<void> {
    const byId = new Map<string, Authority>()
    const rows = await this.#store.read.authorities()
    for (const authority of await Promise.all(rows.map((row) => this.#load(row)))) {
      if (authority) byId.set(authority.id, authority)
    }
    this.#cross = (await this.#store.read.crossCertificates()).map((row) => ({
      ...row,
      notAfter: parseCertificate(row.certificate, 'badAuthorityCertificate').notAfter,
    }))
    this.#byId = byId
    this.#paths = new Map()
  }

  /**
   * What authorities have from each other beside their own certificates, as long as it is valid and both answer: by the one that a
   * root has from the next, whoever trusts the next would go on to trust it once it is retired.
   */
  crossCertificates(): readonly CrossCertificateRow[] {
    const now = epochSeconds(this.#preference.clock())
    const standing = this.all().filter((one) => !isSpent(one, now))
    // Also by another certificate for the same name and key, as where a root was renewed with it: the trust in that goes on.
    const answers = (id: string) => {
      const one = this.#byId.get(id)?.certificate
      return standing.some(
        ({ certificate }) =>
          one && certificate.subject.equals(one.subject) && certificate.spki.equals(one.spki),
      )
    }
    return this.#cross.filter(
      ({ notAfter, subject, issuer }) => notAfter > now && answers(subject) && answers(issuer),
    )
  }

  all(): readonly Authority[] {
    return [...this.#byId.values()]
  }

  get(id: string): Authority | undefined {
    return this.#byId.get(id)
  }

  /** The authority to issue with: the default, or the one named, or the one that issues in its place. */
  issuing(id?: string): IssuingAuthority {
    const named = id === undefined ? this.all().find((one) => one.isDefault) : this.#byId.get(id)
    const authority = named && (standIn(named, this.all()) ?? named)
    if (!authority) {
      const known = this.all()
        .filter((one) => one.signer)
        .map((one) => one.id)
      if (id !== undefined)
        throw new CaError('unknownAuthority', `There is no authority "${id}". Known: ${known.join(', ')}.`)
      throw new CaError(
        'authorityNotReady',
        'No authority can issue yet: install the signed certificate with "chancery authority install".',
      )
    }
    const { signer } = authority
    if (!signer || authority.state !== 'active') {
      throw new CaError(
        id === undefined ? 'authorityNotReady' : 'conflict',
        `Authority "${authority.id}" does not issue.`,
      )
    }
    return { ...authority, signer }
  }

  /**
   * The authority that issues for this name, and those of its line whose certificates are out there, or may soon be: who has one of these
   * needs the way up from it as well. Where none is named it may have been any, as another was the default.
   */
  publishedFor(id?: string): readonly Authority[] {
    const issuing = this.issuing(id)
    const now = epochSeconds(this.#preference.clock())
    const others = id === undefined ? this.all() : lineOf(issuing, this.all())
    return [issuing, ...others.filter((one) => one.id !== issuing.id && one.signer && !isSpent(one, now))]
  }

  /** One whose key is here, retired or not: it answers for what it issued. */
  signing(id: string): IssuingAuthority {
    const authority = this.#byId.get(id)
    const signer = authority?.signer
    if (!authority || !signer)
      throw new CaError('authorityNotReady', `The key of authority "${id}" is not here.`)
    return { ...authority, signer }
  }

  /** The certificates to send after a leaf of this profile: its issuer and upwards. The root is left out: a relying party has it. */
  chainFor(leaf: { authority: string; profile: string }): readonly Buffer[] {
    return this.pathsFor(leaf)[0]?.certificates ?? []
  }

  /** Every way up to a root from a leaf of this profile: the one to send first, the others as alternates. */
  pathsFor({ authority, profile }: { authority: string; profile: string }): readonly TrustPath[] {
    const [own, ...others] = this.#pathsOf(authority)
    if (!own) return []
    const now = epochSeconds(this.#preference.clock())
    const good = others.filter(({ root, until }) => until > now && !this.#isRetired(root))
    const wanted = this.#byId.get(this.#preference.rootFor(profile) ?? '')?.certificate.der
    const first = wanted && [own, ...good].find(({ root }) => root.equals(wanted))
    return first ? [first, ...[own, ...good].filter((path) => path !== first)] : [own, ...good]
  }

  #pathsOf(id: string): readonly TrustPath[] {
    const authority = this.#byId.get(id)
    if (!authority) return []
    const known = this.#paths.get(id)
    if (known) return known
    const cross = this.#cross.map(({ certificate }) => certificate)
    const paths = trustPaths(authority, this.all(), cross)
    this.#paths.set(id, paths)
    return paths
  }

  #isRetired(root: Buffer): boolean {
    return this.all().some(({ state, certificate }) => state === 'retired' && certificate.der.equals(root))
  }

  /** The trust anchors: the last certificate of every chain, each once. */
  roots(): readonly Buffer[] {
    const roots = new Map<string, Buffer>()
    for (const authority of this.#byId.values()) {
      const root = authority.chain.at(-1) ?? authority.certificate.der
      roots.set(fingerprint(root), root)
    }
    for (const { role, state, certificate } of this.#byId.values()) {
      if (role === 'root' && state === 'retired') roots.delete(fingerprint(certificate.der))
    }
    return [...roots.values()]
  }

  /**
   * To be called after each certificate: one that was granted just before its authority retired ends later than was thought. A responder's
   * does not count, as it does not where they are read: each is followed by another for as long as the authority answers.
   */
  recorded(id: string, { profile, notAfter }: { profile: string; notAfter: number }): void {
    if (profile === RESPONDER_PROFILE) return
    this.#meanwhile?.push([id, { profile, notAfter }])
    const authority = this.#byId.get(id)
    if (authority?.state !== 'retired' || authority.answersUntil >= notAfter + LAST_ANSWERS) return
    this.#byId.set(id, { ...authority, answersUntil: answersUntil(authority, notAfter) })
  }

  /** Null while the authority waits for its certificate. */
  async #load(row: AuthorityRow): Promise<Authority | null> {
    if (!row.certificate || row.state === 'pending') return null
    const certificate = parseCertificate(row.certificate, 'badAuthorityCertificate')
    const changedAt = row.changedAt ?? row.createdAt
    const lastExpiry =
      row.state === 'retired' ? await this.#store.read.lastExpiry(row.id, RESPONDER_PROFILE) : null
    const until = answersUntil({ ...row, certificate, changedAt }, lastExpiry)
    let signer: Authority['signer'] = null
    const file = row.keyFile && join(this.#directory, row.keyFile)
    // A key that nobody needs is one that can be stolen: it may have been destroyed.
    const spent = isSpent({ state: row.state, answersUntil: until }, epochSeconds(this.#preference.clock()))
    if (file && !(spent && !existsSync(file))) {
      await checkKeyFileMode(file)
      signer = createKeySigner(
        await decryptPkcs8(await readFile(file, 'utf8'), this.#passphrase),
        row.hash as HashName | null,
      )
      // A key that does not belong to the certificate would sign what nobody can verify.
      if (!signer.spki.equals(certificate.spki)) {
        throw new CaError(
          'badConfiguration',
          `The key in ${file} does not belong to the certificate of authority "${row.id}".`,
        )
      }
    }
    const path = [certificate, ...row.chain.map((der) => parseCertificate(der, 'badAuthorityCertificate'))]
    return {
      id: row.id,
      role: row.role,
      state: row.state,
      isDefault: row.isDefault,
      replaces: row.replaces,
      createdAt: row.createdAt,
      publishedAt: row.publishedAt ?? row.createdAt,
      changedAt,
      certificate,
      chain: row.chain,
      signer,
      // A CA certificate signed elsewhere may lack the SKI; the key's own identifier then names it as well.
      keyIdentifier: certificate.subjectKeyIdentifier ?? keyIdentifier({ bits: certificate.keyBits }),
      usableUntil: Math.min(...path.map(({ notAfter }) => notAfter)),
      answersUntil: until,
      nameLimits: path.flatMap((info) => readNameLimits(info, 'badAuthorityCertificate') ?? []),
      purposeLimits: path.map(readPurposes).filter((purposes) => purposes !== null),
    }
  }
}

/** `lastExpiry`: of its certificates. Whose key is elsewhere ends with its certificate: its CRLs are brought. Seconds since 1970. */
export function answersUntil(
  {
    role,
    state,
    certificate,
    changedAt,
  }: Pick<Authority, 'role' | 'certificate' | 'changedAt'> & { state: string },
  lastExpiry: number | null,
): number {
  if (state !== 'retired') return certificate.notAfter
  // Nobody trusts it any more, or nothing stands below it.
  if (role !== 'issuing') return Math.min(certificate.notAfter, changedAt)
  return Math.min(certificate.notAfter, Math.max(changedAt, lastExpiry ?? 0) + LAST_ANSWERS)
}

/** Whether it is retired and has nothing left to answer for: its last CRL ends, and nobody needs another. */
export function isSpent(
  { state, answersUntil: until }: Pick<Authority, 'state' | 'answersUntil'>,
  now: number,
): boolean {
  return state === 'retired' && until <= now
}
