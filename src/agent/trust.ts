import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchPinnedRoot, readFingerprint } from '../client/pinned-root.ts'
import { makePrivateDirectory } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { decodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import type { AgentConfig } from './config.ts'

/** The roots that prove the CA: those that were given, and those that the CA proved by them has published since. */
export class Trust {
  readonly #config: Pick<AgentConfig, 'trust' | 'services' | 'state'>
  #given: string | null = null

  constructor(config: Pick<AgentConfig, 'trust' | 'services' | 'state'>) {
    this.#config = config
  }

  /** Reads the given roots, or fetches the one with the fingerprint. Throws `CaError` and `ServiceError`. */
  async open(): Promise<void> {
    if (this.#given !== null) return
    const { file, fingerprint } = this.#config.trust
    this.#given = file === undefined ? await this.#pinned(readFingerprint(fingerprint!)!) : readRoots(file)
  }

  /** PEM. */
  roots(): string {
    return (this.#given ?? '') + (this.#config.trust.follow ? this.#followed() : '')
  }

  get isFollowing(): boolean {
    return this.#config.trust.follow
  }

  /** Roots that came over a proven connection, PEM. */
  follow(pem: string): void {
    if (!this.#config.trust.follow) return
    const known = this.roots()
    if (decodePem(pem, 'roots').every(({ der }) => holds(known, der))) return
    // Other certificates follow other bundles: their roots stay.
    writeFiles([{ path: this.#followedFile, content: this.#followed() + pem, mode: 0o600 }])
  }

  #followed(): string {
    return existsSync(this.#followedFile) ? read(this.#followedFile) : ''
  }

  get #followedFile(): string {
    return join(this.#config.state, 'followed-roots.pem')
  }

  async #pinned(sha256: string): Promise<string> {
    const { state, services } = this.#config
    const file = join(state, `root-${sha256.slice(0, 16)}.pem`)
    if (existsSync(file)) return read(file)
    makePrivateDirectory(state)
    let last: unknown
    for (const url of services) {
      try {
        const pem = await fetchPinnedRoot(new URL(url), sha256)
        writeFiles([{ path: file, content: pem, mode: 0o600 }])
        return pem
      } catch (error) {
        last = error
      }
    }
    throw last
  }
}

function readRoots(file: string): string {
  try {
    const pem = read(file)
    for (const { der } of decodePem(pem, `trust file ${file}`)) new X509Certificate(der)
    return pem.endsWith('\n') ? pem : `${pem}\n`
  } catch (error) {
    if (error instanceof CaError) throw error
    throw new CaError('badConfiguration', `trust.file ${file} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
}

function holds(pem: string, der: Buffer): boolean {
  return decodePem(pem, 'roots').some((one) => one.der.equals(der))
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}
