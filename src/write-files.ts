import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface NewFile {
  readonly path: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/**
 * Writes every file beside its place and syncs it, then renames them all into place: a reader sees the old or the new
 * file whole, never a part, and a full disk leaves the old ones untouched.
 */
export function writeFiles(files: readonly NewFile[]): void {
  const written: { temporary: string; path: string }[] = []
  try {
    for (const { path, content, mode } of files) {
      mkdirSync(dirname(path), { recursive: true })
      const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`)
      written.push({ temporary, path })
      writeSynced(temporary, content, mode)
    }
    for (const { temporary, path } of written) renameSync(temporary, path)
  } finally {
    for (const { temporary } of written) rmSync(temporary, { force: true })
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
