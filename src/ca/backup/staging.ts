import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateDirectory } from '../../durable-files.ts'
import { type DatabaseLock, lockDatabase } from '../../store/lock.ts'

/** Hidden, beside the backup that is to be: a rename leads to no other file system. */
const PREFIX = '.chancery-backup-'
const NAME = /^\.chancery-backup-[0-9a-f]{12}$/

export interface BackupStaging {
  /** Where the backup is put together; it is not there yet. */
  readonly folder: string
  /** Removes what is left of it. */
  end(): Promise<void>
}

/**
 * A place for one backup, locked for as long as this process is at it. What killed ones have left beside it goes first: copies
 * of the whole database, on a disk that they may have filled.
 */
export async function stageBackup(parent: string): Promise<BackupStaging> {
  makePrivateDirectory(parent)
  await clearDead(parent)
  for (;;) {
    const place = join(parent, PREFIX + randomBytes(6).toString('hex'))
    mkdirSync(place, 0o700)
    const lock = lockNew(place)
    // Another backup may have come between the lock's file and the lock, and taken this for what a killed one has left.
    if (lock && existsSync(lockFile(place))) {
      // What cannot be removed now the next one removes; it must not hide how this one went.
      const cleared = () => remove(place).catch(() => {})
      return { folder: contents(place), end: () => cleared().finally(() => lock.release()) }
    }
    lock?.release()
  }
}

async function clearDead(parent: string): Promise<void> {
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    const place = join(parent, entry.name)
    if (!entry.isDirectory() || !NAME.test(entry.name) || !isOwn(place)) continue
    // Without one its owner may be about to lock it.
    if (!existsSync(lockFile(place))) continue
    try {
      const lock = lockDatabase(contents(place))
      if (lock) await remove(place).finally(() => lock.release())
    } catch {
      // The new backup is worth more than the room of one that failed.
    }
  }
}

/** In a folder that several may write, a name alone says nothing. */
function isOwn(place: string): boolean {
  const uid = process.geteuid?.()
  return uid === undefined || lstatSync(place, { throwIfNoEntry: false })?.uid === uid
}

const contents = (place: string) => join(place, 'backup')
const lockFile = (place: string) => `${contents(place)}.lock`

/** Null where another process is at it, or has just removed it. */
function lockNew(place: string): DatabaseLock | null {
  try {
    return lockDatabase(contents(place))
  } catch (error) {
    if (existsSync(place)) throw error
    return null
  }
}

/** The lock's file last: what is left by whoever is killed here is found by it. */
async function remove(place: string): Promise<void> {
  await rm(contents(place), { recursive: true, force: true })
  await rm(place, { recursive: true, force: true })
}
