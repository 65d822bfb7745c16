import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
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

  /** Null if it is not here. */
  async read(scope: CrlScope, kind: 'full' | 'delta', number: number): Promise<Buffer | null> {
    try {
      return await readFile(join(this.#directory, nameOf(scope, kind, number)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  /** Durably, in place of the earlier ones of the scope and kind. */
  async write(scope: CrlScope, kind: 'full' | 'delta', number: number, der: Buffer): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const name = nameOf(scope, kind, number)
    const temporary = join(this.#directory, `.${name}`)
    try {
      await writeSynced(temporary, der)
      await rename(temporary, join(this.#directory, name))
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
