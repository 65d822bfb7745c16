import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** A name that was made, changed or removed survives a power cut only once its directory is synced. */
export function syncDirectory(directory: string): void {
  // Windows opens no directory as a file, and has no such sync.
  if (process.platform === 'win32') return
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** What was written into a file by whatever means is on the disk when this returns. Its name is not: see `syncDirectory`. */
export function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Makes a directory with what is missing above it, and says which it made first; undefined if it is there. Unlike the recursive
 * one of `node:fs` it ends where a file system says ENOENT to whoever makes something below a directory that is there, as /proc and
 * automounters do.
 */
export function makeDirectories(directory: string, mode?: number): string | undefined {
  const missing: string[] = []
  let there = resolve(directory)
  for (; !existsSync(there) && there !== dirname(there); there = dirname(there)) missing.unshift(there)
  if (!statSync(there).isDirectory()) mkdirSync(there)
  let first: string | undefined
  for (const path of missing) {
    try {
      mkdirSync(path, mode)
      first ??= path
    } catch (error) {
      // Another process was there first.
      if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
    }
  }
  return first
}

/** Makes a directory for its owner alone, with what is missing above it, durably. One that is there stays as it is. */
export function makePrivateDirectory(directory: string): void {
  const first = makeDirectories(directory, 0o700)
  if (first === undefined) return
  const top = dirname(resolve(first))
  let made = resolve(directory)
  do {
    made = dirname(made)
    syncDirectory(made)
  } while (made !== top && made !== dirname(made))
}

/** What root puts in the place of a service's file stays that service's. */
export function keepOwner(of: string, file: string): void {
  if (process.geteuid?.() !== 0) return
  const { uid, gid } = statSync(of)
  const now = lstatSync(file)
  if (now.uid !== uid || now.gid !== gid) lchownSync(file, uid, gid)
}

/**
 * What root makes in a directory of a service's user is that user's, which could not serve it otherwise. Where root may give
 * nothing away (a container without CAP_CHOWN, a file system that knows no owners) it stays as it is.
 */
export function giveToOwner(of: string, file: string): void {
  try {
    keepOwner(of, file)
  } catch (error) {
    if (!['EPERM', 'EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** A hidden name on the same file system, for what is to have the file's own once it is whole. */
export function besideOf(file: string): string {
  return join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`)
}

/**
 * Writes a file that was not there before, durably: whoever finds it finds all of it, whatever crash came in between.
 * Throws EEXIST, and leaves what is there, if the name is taken. Where it throws, there is no new file.
 */
export function writeNewFile(file: string, content: string, mode: number): void {
  const temporary = besideOf(file)
  try {
    writeFileSync(temporary, content, { mode, flag: 'wx', flush: true })
    // A rename would replace what another process has put there meanwhile.
    linkSync(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
  try {
    syncDirectory(dirname(file))
  } catch (error) {
    // Whoever is told that it failed tries again, and must not meet what is left of it.
    rmSync(file, { force: true })
    throw error
  }
}
