import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditEntry, SYSTEM_ORIGIN } from '../../../src/ca/audit.ts'
import type { Authority } from '../../../src/ca/authority.ts'
import { publicUrls } from '../../../src/ca/certificate-template.ts'
import { makeIntermediateCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { installAuthority } from '../../../src/ca/hierarchy/install.ts'
import { createAuthority, type NewAuthority } from '../../../src/ca/hierarchy/new-authority.ts'
import type { OpenRoot } from '../../../src/ca/hierarchy/root.ts'
import type { RawOptions } from '../../../src/config/config.ts'
import { openChancery, type Service } from '../../../src/index.ts'
import { subjectAltName } from '../../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../../src/pki/csr/encode.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import type { KeyType } from '../../../src/pki/keys/algorithms.ts'
import { generateKey } from '../../../src/pki/keys/generate.ts'
import type { NameType, SubjectName } from '../../../src/pki/names/san.ts'
import type { CertificateRow } from '../../../src/store/queries.ts'

export const PUBLIC_URL = 'http://ca.example.test/pki'
export const ADMIN = { kind: 'admin', id: 'admin:lint' } as const
export const DAY = 86_400

/** A CA in a directory of its own, whose clock stands at `now` (RFC 3339). */
export interface LintCa {
  readonly service: Service
  readonly now: Date
  readonly directory: string
  close(): Promise<void>
}

export async function openLintCa(now: string, options: RawOptions = {}): Promise<LintCa> {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-lint-'))
  const moment = new Date(now)
  const service = await openChancery({
    directory,
    publicUrl: PUBLIC_URL,
    clock: () => moment,
    options,
  })
  const close = async () => {
    await service.close()
    rmSync(directory, { recursive: true })
  }
  return { service, now: moment, directory, close }
}

export interface Enrolment {
  readonly profile?: string
  readonly authority?: string
  /** As texts: "dns:web.example.test". */
  readonly names?: readonly string[]
  readonly commonName?: string
  readonly keyType?: KeyType
  readonly renewalOf?: CertificateRow
}

/** A certificate by the one issuance path, from a CSR with a key of its own. */
export async function enrol({ service }: LintCa, wish: Enrolment = {}): Promise<CertificateRow> {
  const { profile = 'server', names = ['dns:web.example.test'], commonName, keyType = 'P-256' } = wish
  const subject = encodeName(commonName === undefined ? [] : [{ type: 'CN', value: commonName }])
  const extensions = [subjectAltName(names.map(subjectName), false)]
  const csr = parseCsr(encodeCsr({ key: await generateKey(keyType), subject, extensions }))
  const { renewalOf, authority } = wish
  const request = { proof: { kind: 'csr', csr }, profile, authority, renewalOf } as const
  return (await service.issuer.issue(() => request, ADMIN, SYSTEM_ORIGIN)).certificate
}

function subjectName(text: string): SubjectName {
  const colon = text.indexOf(':')
  return { type: text.slice(0, colon) as NameType, value: text.slice(colon + 1) }
}

/** A further issuing authority, signed by `root`, installed and loaded. */
export async function addAuthority(
  { service, now }: Pick<LintCa, 'service' | 'now'>,
  root: OpenRoot,
  wish: Partial<NewAuthority> & Pick<NewAuthority, 'id'> & { readonly withUrls?: boolean },
): Promise<Authority> {
  const complete: NewAuthority = {
    keyType: 'P-256',
    hash: null,
    subject: [{ type: 'CN', value: `Issuing CA ${wish.id}` }],
    pathLength: 0,
    nameConstraints: null,
    ...wish,
  }
  const audit = auditEntry('authority.create', 'ok', wish.id, ADMIN, SYSTEM_ORIGIN, now)
  const created = await createAuthority(complete, service.keyPlace(), audit)
  const urls = wish.withUrls === false ? null : publicUrls(PUBLIC_URL)
  const { der } = await makeIntermediateCertificate(
    { ...complete, ...created, validity: 5 * 365 * DAY, urls },
    root.certificate,
    'root',
    root.signer,
    now,
  )
  await installAuthority(service.store, wish.id, [der, root.certificate.der], now, audit)
  await service.authoritiesChanged()
  return service.authorities.get(wish.id)!
}
