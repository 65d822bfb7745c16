import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { besideOf, makeDirectories, syncDirectory } from './durable-files.ts'

export interface NewFile {
  readonly path: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/**
 * Writes every file beside its place and syncs it, then renames them all into place: a reader sees the old or the new
 * file whole, never a part, and a full disk leaves the old ones untouched. Once it returns they survive a power cut, where the
 * file system can promise that.
 */
export function writeFiles(files: readonly NewFile[]): void {
  const written: { temporary: string; path: string }[] = []
  const changed = new Set<string>()
  try {
    for (const { path, content, mode } of files) {
      const directory = resolve(dirname(path))
      const first = makeDirectories(directory)
      changed.add(directory)
      if (first !== undefined)
        for (let made = directory; made.startsWith(first); made = dirname(made)) changed.add(dirname(made))
      const temporary = besideOf(path)
      written.push({ temporary, path })
      writeSynced(temporary, content, mode)
    }
    for (const { temporary, path } of written) renameSync(temporary, path)
    for (const directory of changed) syncNames(directory)
  } finally {
    for (const { temporary } of written) rmSync(temporary, { force: true })
  }
}

/** Names a file that was written and synced beside its place. False, and nothing has changed, where something is there already. */
export function nameNewFile(temporary: string, path: string): boolean {
  try {
    // A rename would replace what another process has put there meanwhile.
    linkSync(temporary, path)
  } catch (error) {
    if (existsSync(path)) return false
    // File systems without hard links.
    if (!UNABLE.includes((error as NodeJS.ErrnoException).code)) throw error
    renameSync(temporary, path)
  }
  rmSync(temporary, { force: true })
  syncNames(resolve(dirname(path)))
  return true
}

/** A directory that may be written and not read, and file systems without such a sync or link. */
const UNABLE: readonly (string | undefined)[] = ['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP']

function syncNames(directory: string): void {
  try {
    syncDirectory(directory)
  } catch (error) {
    if (!UNABLE.includes((error as NodeJS.ErrnoException).code)) throw error
  }
}

function writeSynced(path: string, content: string | Uint8Array, mode: number): void {
  const descriptor = openSync(path, 'wx', mode)
  try {
    writeFileSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
