import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CaError } from '../errors.ts'
import { readNameLimits } from '../pki/certificate/name-constraints.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import type { HashName } from '../pki/keys/algorithms.ts'
import { decryptPkcs8 } from '../pki/keys/pkcs8.ts'
import { keyIdentifier } from '../pki/keys/public-key.ts'
import type { AuthorityRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Authority, IssuingAuthority } from './authority.ts'
import { checkKeyFileMode } from './key-file.ts'
import { createKeySigner } from './key-signer.ts'

/** Every authority that this service speaks for, in memory; `reload` after one was added or installed. */
export class Authorities {
  readonly #store: Store
  readonly #directory: string
  readonly #passphrase: string
  #byId = new Map<string, Authority>()

  private constructor(store: Store, directory: string, passphrase: string) {
    this.#store = store
    this.#directory = directory
    this.#passphrase = passphrase
  }

  static async open(store: Store, directory: string, passphrase: string): Promise<Authorities> {
    const authorities = new Authorities(store, directory, passphrase)
    await authorities.reload()
    return authorities
  }

  async reload(): Promise<void> {
    const byId = new Map<string, Authority>()
    const rows = await this.#store.read.authorities()
    for (const authority of await Promise.all(rows.map((row) => this.#load(row)))) {
      if (authority) byId.set(authority.id, authority)
    }
    this.#byId = byId
  }

  all(): readonly Authority[] {
    return [...this.#byId.values()]
  }

  get(id: string): Authority | undefined {
    return this.#byId.get(id)
  }

  /** The authority to issue with: the one named, or the default. */
  issuing(id?: string): IssuingAuthority {
    const authority = id === undefined ? this.all().find((one) => one.isDefault) : this.#byId.get(id)
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

  /** One whose key is here, retired or not: it answers for what it issued. */
  signing(id: string): IssuingAuthority {
    const authority = this.#byId.get(id)
    const signer = authority?.signer
    if (!authority || !signer)
      throw new CaError('authorityNotReady', `The key of authority "${id}" is not here.`)
    return { ...authority, signer }
  }

  /** The certificates to send after a leaf: its issuer and upwards. The root is left out: a relying party has it. */
  chainOf(id: string): readonly Buffer[] {
    const authority = this.#byId.get(id)
    return authority ? [authority.certificate.der, ...authority.chain.slice(0, -1)] : []
  }

  /** The trust anchors: the last certificate of every chain, each once. */
  roots(): readonly Buffer[] {
    const roots = new Map<string, Buffer>()
    for (const authority of this.#byId.values()) {
      const root = authority.chain.at(-1) ?? authority.certificate.der
      roots.set(fingerprint(root), root)
    }
    return [...roots.values()]
  }

  /** Null while the authority waits for its certificate. */
  async #load(row: AuthorityRow): Promise<Authority | null> {
    if (!row.certificate || row.state === 'pending') return null
    const certificate = parseCertificate(row.certificate, 'badAuthorityCertificate')
    let signer: Authority['signer'] = null
    if (row.keyFile) {
      const file = join(this.#directory, row.keyFile)
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
      createdAt: row.createdAt,
      certificate,
      chain: row.chain,
      signer,
      // A CA certificate signed elsewhere may lack the SKI; the key's own identifier then names it as well.
      keyIdentifier: certificate.subjectKeyIdentifier ?? keyIdentifier({ bits: certificate.keyBits }),
      usableUntil: Math.min(...path.map(({ notAfter }) => notAfter)),
      nameLimits: path.flatMap((info) => readNameLimits(info, 'badAuthorityCertificate') ?? []),
    }
  }
}

/** SHA-256 of a DER certificate, lower-case hexadecimal. */
export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex')
}
