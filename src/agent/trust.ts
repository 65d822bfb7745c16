import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fetchPinnedRoot } from '../client/pinned-root.ts'
import { makePrivateDirectory } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { readFingerprint } from '../pki/certificate/fingerprint.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import type { AgentConfig } from './config.ts'

/** Names of the files with the roots of a bundle. */
const FOLLOWED = 'followed-roots-'

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

  /**
   * Roots that a bundle has now, PEM, over a proven connection. What it had before and has no more is withdrawn; those of other
   * bundles stay, and those that were given.
   */
  follow(bundle: string, pem: string): void {
    if (!this.#config.trust.follow) return
    const given = new Set(certificatesOf(this.#given ?? ''))
    const content = certificatesOf(pem)
      .filter((one) => !given.has(one))
      .join('')
    const file = join(this.#config.state, `${FOLLOWED}${encodeURIComponent(bundle)}.pem`)
    if (content === '') rmSync(file, { force: true })
    else if (!existsSync(file) || read(file) !== content) writeFiles([{ path: file, content, mode: 0o600 }])
  }

  #followed(): string {
    const { state } = this.#config
    if (!existsSync(state)) return ''
    const files = readdirSync(state).filter((name) => name.startsWith(FOLLOWED) && name.endsWith('.pem'))
    return [...new Set(files.sort().flatMap((name) => certificatesOf(read(join(state, name)))))].join('')
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

/** Each as PEM of its own, always in the same form. */
function certificatesOf(pem: string): string[] {
  return pem === '' ? [] : decodePem(pem, 'roots').map(({ der }) => encodePem('CERTIFICATE', der))
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}
