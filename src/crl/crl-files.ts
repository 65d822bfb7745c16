import { mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CaError } from '../errors.ts'
import { DerReader } from '../pki/der/read.ts'
import { TAG } from '../pki/der/write.ts'
import type { CrlScope } from '../store/commands.ts'

/** Octets. */
const STEP = 1024 * 1024
/** A sync of all at once would hold up the commits that come meanwhile. Octets. */
const SYNCED_AT_ONCE = 4 * STEP

/**
 * The CRLs that are too long for the database, whose writer would be busy with one for as long as with hundreds of certificates.
 * What is here under its name is whole: it was synced first.
 */
export class CrlFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Null if it is not here. Rejects with `CaError` "storeFailed" if it cannot be read, or is not the whole of a CRL. */
  async read(scope: CrlScope, kind: 'full' | 'delta', number: number): Promise<Buffer | null> {
    const path = join(this.#directory, nameOf(scope, kind, number))
    try {
      const der = await readFile(path)
      refuseUnlessWhole(der)
      return der
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw new CaError('storeFailed', `The CRL in ${path} cannot be read: ${reasonOf(cause)}.`, { cause })
    }
  }

  /**
   * Durably, in place of the earlier ones of the scope and kind. Rejects with `CaError` "storeFailed" and leaves the earlier
   * ones, if that cannot be done.
   */
  async write(scope: CrlScope, kind: 'full' | 'delta', number: number, der: Buffer): Promise<void> {
    try {
      await this.#write(scope, kind, number, der)
    } catch (cause) {
      throw new CaError(
        'storeFailed',
        `The CRL could not be kept in ${this.#directory}: ${reasonOf(cause)}. It is served from memory; a restart makes another.`,
        { cause },
      )
    }
  }

  async #write(scope: CrlScope, kind: 'full' | 'delta', number: number, der: Buffer): Promise<void> {
    if (await made(this.#directory)) await syncDirectory(dirname(this.#directory))
    const name = nameOf(scope, kind, number)
    const temporary = join(this.#directory, `.${name}`)
    try {
      await this.#refuseIfTight(der.length)
      await writeSynced(temporary, der)
      await rename(temporary, join(this.#directory, name))
      // The earlier ones go only once the new name would survive a power cut.
      await syncDirectory(this.#directory)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    const prefix = nameOf(scope, kind, null)
    for (const other of await readdir(this.#directory)) {
      const isEarlier = other.replace(/^\./, '').startsWith(prefix) && other !== name
      if (isEarlier) await rm(join(this.#directory, other), { force: true })
    }
  }

  /** A CRL can be made anew; the database, which may be on the same disk, needs the room for what cannot. */
  async #refuseIfTight(length: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#directory)
    if (bavail * bsize < 2 * length)
      throw new Error(`the disk has no room for ${length} octets and as many again`)
  }
}

/** Whether it was not there. What is above it is the data directory: one that was moved away must find its place free. */
async function made(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Without holding up the event loop. */
async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directory as a file, and has no such sync.
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** By its length alone: a file that was written to its end and synced has all of it. */
function refuseUnlessWhole(der: Buffer): void {
  const reader = new DerReader(der, 'CRL', 'badCrl')
  reader.expect(TAG.sequence)
  reader.end()
}

function reasonOf(cause: unknown): string {
  if (cause instanceof CaError) return cause.detail.replace(/\.$/, '')
  return cause instanceof Error ? cause.message : String(cause)
}

/** An authority's id has no dot. */
function nameOf({ authority, partition }: CrlScope, kind: string, number: number | null): string {
  return `${authority}.${partition ?? 'all'}.${kind}.${number === null ? '' : `${number}.crl`}`
}

async function writeSynced(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    for (let at = 0; at < bytes.length; at += STEP) {
      await writeAll(file, bytes.subarray(at, at + STEP))
      if ((at / STEP + 1) % (SYNCED_AT_ONCE / STEP) === 0) await file.datasync()
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
}
