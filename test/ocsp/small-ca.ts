import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Authority } from '../../src/ca/authority.ts'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import type { Signer } from '../../src/ca/signer.ts'
import { epochSeconds, systemClock } from '../../src/clock.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  keyUsage,
  subjectKeyIdentifier,
} from '../../src/pki/certificate/extensions.ts'
import { type CertificateInfo, parseCertificate } from '../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../src/pki/certificate/tbs.ts'
import { encodeCrlEntry } from '../../src/pki/crl/entry.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { keyIdentifier, readPublicKey } from '../../src/pki/keys/public-key.ts'
import { newSerialNumber } from '../../src/pki/serial-number.ts'
import { assembleSigned } from '../../src/pki/signed.ts'
import type { IssuanceRecord } from '../../src/store/commands.ts'
import { createDatabase, openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'

const DAY = 86_400

export interface Leaf {
  readonly serialNumber: string
  readonly der: Buffer
}

/** A root (its authority without the key), an intermediate that signs, and a real store in a directory of its own. */
export class SmallCa {
  /** Milliseconds since 1970; tests move it. It begins at the real time, since openssl knows no other. */
  now = Math.floor(systemClock().getTime() / 1000) * 1000
  readonly clock = () => new Date(this.now)
  readonly rootSigner: Signer
  readonly root: Authority
  readonly issuing: Authority
  readonly store: Store
  readonly #leafSpki: Buffer

  static async create(key: KeyObject = generateEcKey()): Promise<SmallCa> {
    const rootSigner = createKeySigner(generateEcKey(), null)
    const signer = createKeySigner(key, null)
    const start = epochSeconds(systemClock())
    const root = await certify(rootSigner, null, 'Test Root', rootSigner.spki, start, start + 3650 * DAY)
    const issuer = await certify(rootSigner, root, 'Test Issuing', signer.spki, start, start + 1825 * DAY)
    const file = join(mkdtempSync(join(tmpdir(), 'chancery-revocation-')), 'ca.db')
    createDatabase(file)
    const ca = new SmallCa(rootSigner, root, issuer, signer, await openStore({ file }))
    await ca.#recordAuthority('root', ca.root)
    await ca.#recordAuthority('issuing', ca.issuing)
    return ca
  }

  private constructor(
    rootSigner: Signer,
    root: CertificateInfo,
    issuer: CertificateInfo,
    signer: Signer,
    store: Store,
  ) {
    this.rootSigner = rootSigner
    this.store = store
    this.root = {
      id: 'root',
      role: 'root',
      state: 'active',
      isDefault: false,
      certificate: root,
      chain: [],
      signer: null,
      keyIdentifier: root.subjectKeyIdentifier!,
      usableUntil: root.notAfter,
      answersUntil: root.notAfter,
      nameLimits: [],
      purposeLimits: [],
      createdAt: 0,
      publishedAt: 0,
      changedAt: 0,
      replaces: null,
    }
    this.issuing = {
      id: 'issuing',
      role: 'issuing',
      state: 'active',
      isDefault: true,
      certificate: issuer,
      chain: [root.der],
      signer,
      keyIdentifier: issuer.subjectKeyIdentifier!,
      usableUntil: issuer.notAfter,
      answersUntil: issuer.notAfter,
      nameLimits: [],
      purposeLimits: [],
      createdAt: 0,
      publishedAt: 0,
      changedAt: 0,
      replaces: null,
    }
    this.#leafSpki = createKeySigner(generateEcKey(), null).spki
  }

  readonly authorities = (): readonly Authority[] => [this.root, this.issuing]

  get seconds(): number {
    return this.now / 1000
  }

  /** Issues by the intermediate and records it. */
  async issue({
    notAfter = this.seconds + 90 * DAY,
    serialNumber = newSerialNumber(),
    partition = null,
  }: Partial<Pick<IssuanceRecord, 'notAfter' | 'serialNumber' | 'partition'>> = {}): Promise<Leaf> {
    const { certificate, signer } = this.issuing
    const tbs = encodeTbs({
      serialNumber,
      signature: signer!.algorithm,
      issuer: certificate.subject,
      subject: encodeName([{ type: 'CN', value: 'leaf.example.test' }]),
      notBefore: this.seconds - DAY,
      notAfter,
      spki: this.#leafSpki,
      extensions: [keyUsage(['digitalSignature']), authorityKeyIdentifier(certificate.subjectKeyIdentifier!)],
    })
    const der = assembleSigned(tbs, signer!.algorithm, await signer!.sign(tbs))
    await this.store.write('recordIssuance', {
      serialNumber,
      authority: 'issuing',
      profile: 'server',
      subject: 'CN=leaf.example.test',
      names: [],
      notBefore: this.seconds - DAY,
      notAfter,
      issuedAt: this.now,
      principal: 'admin:test',
      der,
      keyHash: Buffer.alloc(32),
      replaces: null,
      partition,
      tokenId: null,
      idempotency: null,
      orderId: null,
      approves: null,
      audit: this.#audit('certificate.issue'),
    })
    return { serialNumber, der }
  }

  async revoke(
    { serialNumber }: Leaf,
    reason = 0,
    invalidityDate: number | null = null,
    revokedAt = this.seconds,
  ): Promise<void> {
    const facts = { serialNumber, revokedAt, reason, invalidityDate }
    await this.store.write('revoke', {
      ...facts,
      entry: encodeCrlEntry(facts),
      audit: this.#audit('certificate.revoke'),
    })
  }

  async release({ serialNumber }: Leaf): Promise<void> {
    const facts = { serialNumber, revokedAt: this.seconds, reason: 8, invalidityDate: null }
    await this.store.write('release', {
      serialNumber,
      entry: encodeCrlEntry(facts),
      audit: this.#audit('certificate.release'),
    })
  }

  async close(): Promise<void> {
    const { databaseFile } = this.store
    await this.store.close()
    rmSync(dirname(databaseFile), { recursive: true })
  }

  async #recordAuthority(id: string, authority: Authority): Promise<void> {
    await this.store.write('recordAuthority', {
      id,
      role: authority.role,
      state: authority.state,
      isDefault: authority.isDefault,
      certificate: authority.certificate.der,
      chain: authority.chain,
      csr: null,
      replaces: null,
      keyFile: null,
      hash: null,
      createdAt: this.now,
      audit: this.#audit('authority.create'),
    })
  }

  #audit(action: string) {
    return {
      at: this.now,
      actor: 'admin:test',
      address: '127.0.0.1',
      requestId: '1',
      action,
      target: '',
      result: 'ok' as const,
      detail: {},
    }
  }
}

export function generateEcKey(namedCurve = 'P-256'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey
}

async function certify(
  signer: Signer,
  issuer: CertificateInfo | null,
  commonName: string,
  spki: Buffer,
  notBefore: number,
  notAfter: number,
): Promise<CertificateInfo> {
  const subject = encodeName([{ type: 'CN', value: commonName }])
  const extensions: Extension[] = [
    basicConstraints({ ca: true }),
    keyUsage(['digitalSignature', 'keyCertSign', 'cRLSign']),
    subjectKeyIdentifier(keyIdentifier(readPublicKey(spki))),
  ]
  if (issuer) extensions.push(authorityKeyIdentifier(issuer.subjectKeyIdentifier!))
  const tbs = encodeTbs({
    serialNumber: newSerialNumber(),
    signature: signer.algorithm,
    issuer: issuer?.subject ?? subject,
    subject,
    notBefore: notBefore - DAY,
    notAfter,
    spki,
    extensions,
  })
  return parseCertificate(assembleSigned(tbs, signer.algorithm, await signer.sign(tbs)))
}
