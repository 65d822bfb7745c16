import { existsSync, realpathSync, statSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { dataFiles } from '../../config/data-directory.ts'
import { giveToOwner, makePrivateDirectory, syncDirectory, writeNewFile } from '../../durable-files.ts'
import { CaError } from '../../errors.ts'
import { lockDatabase } from '../../store/lock.ts'
import { settleKeys } from '../custody/settle.ts'

/** Where all of a CA is put together before it is moved into place: of a new one, and of one that is restored from a backup. */
const STAGING = { new: '.initialising', restored: '.restoring' } as const

type Kind = keyof typeof STAGING
const KINDS = ['new', 'restored'] as const satisfies readonly Kind[]

/** Written into it last of all: what is there is whole, and on the disk. */
const COMPLETE = 'complete'

/** What SQLite keeps beside a database, and takes for a part of whichever is there by that name. */
const JOURNALS = ['-wal', '-journal']

/** The CA that a directory holds, as far as a first start goes. */
export interface Settled {
  readonly initialised: boolean
  /** What had been interrupted while it moved things into place: an earlier start, or a restore; that is done now. */
  readonly finished: Kind | null
}

/**
 * Completes or clears what an interrupted start, or an interrupted change of the keys, left. `conflict` while another process
 * is at it, and where a restore did not come to its end: only another restore begins that anew.
 */
export async function settleDataDirectory(directory: string, wanted: Kind = 'new'): Promise<Settled> {
  const isStaged = Object.values(STAGING).some((name) => existsSync(join(directory, name)))
  const settled = isStaged
    ? await aloneIn(directory, () => settle(directory, wanted))
    : { initialised: existsSync(dataFiles(directory).database), finished: null }
  // Also after what the end of a restore had no time to remove: the keys may have been changed since.
  await settleKeys(directory)
  return settled
}

/** Throws "conflict" where no CA can be made in the directory. To be called before anything is put there for one, such as a passphrase. */
export async function refuseTakenDirectory(directory: string): Promise<void> {
  refuseCa(directory, await settleDataDirectory(directory))
  if (!existsSync(directory)) return
  await refuseLeftovers(directory)
  refuseJournals(directory)
}

/**
 * Lets `make` fill a staging folder, and then moves everything into place, the database last: an interrupted start
 * leaves nothing that a later one could take for a CA, and what it had whole the next one finishes. Two starts at once
 * would each undo the other, so the second is refused with "conflict". `refuseTaken` throws if the directory holds what must not
 * be replaced.
 */
export async function makeInStaging<T>(
  directory: string,
  make: (staging: string) => Promise<T>,
  kind: Kind = 'new',
  refuseTaken: (directory: string) => Promise<void> = refuseLeftovers,
): Promise<T> {
  // Before the lock as well: a service that runs holds it, and "there is a CA" says more than "somebody is at it".
  refuseCa(directory, await settleDataDirectory(directory, kind))
  makePrivateDirectory(directory)
  return aloneIn(directory, async () => {
    refuseCa(directory, await settle(directory, kind))
    await refuseTaken(directory)
    refuseJournals(directory)
    const staging = join(directory, STAGING[kind])
    // What a killed restore has left says so until one comes to its end: not the next try alone, which may fail as well.
    const clear = existsSync(staging) ? clearFolder : removeFolder
    await clear(staging)
    makePrivateDirectory(staging)
    const made = await whole(staging, make, clear)
    for (const name of [...(await readdir(staging, { recursive: true })), '.'])
      giveToOwner(directory, join(staging, name))
    writeNewFile(join(staging, COMPLETE), '', 0o600)
    await publish(directory, staging)
    return made
  })
}

/** All that was made, in the files that are moved; else nothing of it is left. */
async function whole<T>(
  staging: string,
  make: (staging: string) => Promise<T>,
  clear: (staging: string) => Promise<void>,
): Promise<T> {
  try {
    const made = await make(staging)
    // A store that cannot fold its WAL into the database when it closes leaves it for the next start.
    if (journalsOf(staging).length > 0) {
      throw new CaError(
        'storeFailed',
        `The database could not be written whole in ${staging}: the disk may be full or failing. Nothing was moved into place; make room, then try again.`,
      )
    }
    return made
  } catch (error) {
    await clear(staging)
    throw error
  }
}

const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true })

async function clearFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await removeFolder(join(folder, name))
}

/** Under the lock that a service of this directory holds as well. */
async function aloneIn<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const lock = lockDatabase(dataFiles(realpathSync(directory)).database)
  if (!lock) {
    throw new CaError(
      'conflict',
      `Another process is making a CA in ${directory}, or serves it. Wait until it is done, then start again.`,
    )
  }
  try {
    return await work()
  } finally {
    lock.release()
  }
}

async function settle(directory: string, wanted: Kind): Promise<Settled> {
  const places = KINDS.map((kind) => ({ kind, staging: join(directory, STAGING[kind]) }))
  const complete = places.find(({ staging }) => existsSync(join(staging, COMPLETE)))
  if (complete) await publish(directory, complete.staging)
  const initialised = existsSync(dataFiles(directory).database)
  for (const { kind, staging } of places) {
    // With the database in its place it is what the end of a restore had no time to remove.
    const isHalfRestored = kind === 'restored' && !initialised && existsSync(staging)
    if (!isHalfRestored) await removeFolder(staging)
    else if (wanted !== 'restored') refuseHalfRestored(directory, staging)
  }
  return { initialised, finished: complete?.kind ?? null }
}

/** A service that is started again by itself would make a new CA where one with a history is wanted. */
function refuseHalfRestored(directory: string, staging: string): never {
  throw new CaError(
    'conflict',
    `A restore into ${directory} was interrupted, and what it was to bring is not there. Restore the backup again; or, for a new CA, remove ${staging}.`,
  )
}

/** Can be interrupted anywhere and begun again: what was moved is no longer in staging. */
async function publish(directory: string, staging: string): Promise<void> {
  const database = basename(dataFiles(directory).database)
  const move = (name: string) => rename(join(staging, name), join(directory, name))
  for (const name of await readdir(staging)) {
    // The database and its lock, and the marker with what its writing may have left.
    if (name.startsWith(database) || name === COMPLETE || name.startsWith('.')) continue
    await move(name)
  }
  syncDirectory(directory)
  if (existsSync(join(staging, database))) await move(database)
  syncDirectory(directory)
  await rm(staging, { recursive: true, force: true })
}

function refuseCa(directory: string, { initialised, finished }: Settled): void {
  if (!initialised) return
  if (finished === null) {
    throw new CaError(
      'conflict',
      `${directory} holds a CA already. Choose another directory, or start the service with it.`,
    )
  }
  const earlier =
    finished === 'restored'
      ? 'A restore that was interrupted had brought'
      : 'An earlier start that was interrupted had made'
  throw new CaError(
    'conflict',
    `${earlier} a CA in ${directory}, and that is complete now. Start the service with it, or choose another directory.`,
  )
}

/** They would be read into the new database, and spoil it. */
function refuseJournals(directory: string): void {
  const found = journalsOf(directory)
  if (found.length === 0) return
  throw new CaError(
    'conflict',
    `${directory} has ${found.join(', ')} of a database that is not there any more. It may hold what was recorded last: move it away, to where that database is, then try again.`,
  )
}

/** Those with anything in them. */
function journalsOf(directory: string): string[] {
  const { database } = dataFiles(directory)
  return JOURNALS.filter(
    (suffix) => (statSync(database + suffix, { throwIfNoEntry: false })?.size ?? 0) > 0,
  ).map((suffix) => basename(database) + suffix)
}

/** Keys without a database are what is left of a lost one: they must not be taken for a fresh start. */
async function refuseLeftovers(directory: string): Promise<void> {
  const found = await readdir(directory)
  const leftovers = found.filter((name) => ['keys', 'admin.key', 'root-offline'].includes(name))
  if (leftovers.length > 0) {
    throw new CaError(
      'conflict',
      `${directory} has ${leftovers.join(', ')} but no chancery.db. Restore the database from a backup, or, if there never was one, move these away.`,
    )
  }
}
