import { existsSync, statSync } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Clock, epochSeconds } from '../../clock.ts'
import { dataFiles } from '../../config/data-directory.ts'
import { makePrivateDirectory, syncDirectory, writeNewFile } from '../../durable-files.ts'
import { CaError } from '../../errors.ts'
import { isDatabaseThere } from '../../store/same-file.ts'
import { copyDatabase } from '../../store/snapshot.ts'
import { LAST_ANSWERS } from '../authorities.ts'
import { copyFileSynced, sha256Of } from '../copy-file.ts'
import { isPassphraseChanging } from '../custody/change-passphrase.ts'
import { areKeysMoving } from '../custody/move-keys.ts'
import { RESPONDER_PROFILE } from '../internal-profiles.ts'
import {
  type BackedUpFile,
  MANIFEST,
  type Manifest,
  manifestText,
  mayBeBackedUp,
  readManifest,
} from './manifest.ts'
import { stageBackup } from './staging.ts'

/** What a backup has only where it is asked for: with these it opens the CA, or the root, to whoever has it. */
export const SECRETS = ['passphrase', 'admin.key', 'root-offline'] as const
export type BackupSecret = (typeof SECRETS)[number]

export interface BackupWish {
  /** The data directory, whose service may run. */
  readonly directory: string
  /** Absolute; a new directory. */
  readonly out: string
  readonly include: readonly BackupSecret[]
  readonly clock: Clock
  /** For tests: hears the name of each file before it is copied. */
  readonly step?: (name: string) => Promise<void>
}

/**
 * Takes a backup. Under its name it is whole and on the disk, or not there. Throws `CaError` "conflict" where the name is
 * taken, or the keys change meanwhile, "badConfiguration" where there is no CA, "notFound" where a file that belongs to it is missing.
 */
export async function takeBackup(wish: BackupWish): Promise<Manifest> {
  const { directory, out } = wish
  if (!isDatabaseThere(dataFiles(directory).database)) {
    throw new CaError('badConfiguration', `There is no database in ${directory} to take a backup of.`)
  }
  // Before the look at a change, and that before the copy of the database: what is one of old and new is found out then.
  const before = await secretsNow(directory)
  if (areKeysMoving(directory) || isPassphraseChanging(directory)) {
    throw new CaError(
      'conflict',
      'A change of the keys is under way, or was interrupted: wait for it, or start the service, which completes it.',
    )
  }
  if (existsSync(out)) {
    throw new CaError('conflict', `${out} exists already. It was left as it is: give a new name.`)
  }
  const staging = await stageBackup(dirname(out))
  try {
    makePrivateDirectory(staging.folder)
    await fill(staging.folder, before, wish)
    await giveName(staging.folder, out)
  } finally {
    await staging.end()
  }
  syncDirectory(dirname(out))
  return readManifest(out)
}

/** Takes the place of no file, and of no directory with anything in it. */
async function giveName(folder: string, out: string): Promise<void> {
  try {
    await rename(folder, out)
  } catch (cause) {
    if (!TAKEN.includes((cause as NodeJS.ErrnoException).code)) throw cause
    throw new CaError(
      'conflict',
      `${out} was made by another, such as a second backup of that name, while this one was taken. It was left as it is: give this one another name, and take it again.`,
      { cause },
    )
  }
}

const TAKEN: readonly (string | undefined)[] = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR']

async function fill(
  temporary: string,
  before: ReadonlyMap<string, string>,
  { directory, include, clock, step }: BackupWish,
): Promise<void> {
  const takenAt = epochSeconds(clock())
  const { database } = dataFiles(directory)
  const copied = join(temporary, basename(database))
  const spent = { before: takenAt - LAST_ANSWERS, uncounted: RESPONDER_PROFILE }
  const { keyFiles, ...facts } = copyDatabase(database, copied, spent)
  const keys = keyFiles
    .filter(({ name, isSpent }) => !isSpent || existsSync(join(directory, name)))
    .map(({ name }) => name)
  const files: BackedUpFile[] = [{ name: basename(database), sha256: await sha256Of(copied) }]
  // After the database: an authority has its key file before it stands there.
  for (const name of [...keys, ...(await others(directory, include))]) {
    await step?.(name)
    if (!existsSync(join(directory, name))) {
      if (areKeysMoving(directory)) throw changedMeanwhile()
      throw new CaError('notFound', `${join(directory, name)} is missing; a backup without it is none.`)
    }
    const target = join(temporary, name)
    makePrivateDirectory(dirname(target))
    const sha256 = await copyFileSynced(join(directory, name), target, 0o600)
    if ((before.get(name) ?? sha256) !== sha256) throw changedMeanwhile()
    files.push({ name, sha256 })
  }
  for (const folder of new Set(files.map(({ name }) => dirname(join(temporary, name))))) syncDirectory(folder)
  writeNewFile(join(temporary, MANIFEST), manifestText({ takenAt, ...facts, files }), 0o600)
}

/** What a file manager leaves in the folder of the root, say, a restoration would refuse, and the rest with it. */
function checkedName(directory: string, name: string): string {
  const file = join(directory, name)
  if (mayBeBackedUp(name) && statSync(file).isFile()) return name
  throw new CaError(
    'conflict',
    `${file} cannot be in a backup: it is no file, or its name has more than letters, digits, "_", "-" and ".", or begins with one of the last two. Move it away, then take the backup.`,
  )
}

/** SHA-256 of what a change of the passphrase writes anew, by names as in a backup. */
async function secretsNow(directory: string): Promise<Map<string, string>> {
  const keys = join(directory, 'keys')
  const names = existsSync(keys) ? (await readdir(keys)).map((name) => `keys/${name}`) : []
  const found = [...names.filter((name) => name.endsWith('.pem')), 'passphrase'].filter((name) =>
    existsSync(join(directory, name)),
  )
  return new Map(
    await Promise.all(found.map(async (name) => [name, await sha256Of(join(directory, name))] as const)),
  )
}

function changedMeanwhile(): CaError {
  return new CaError(
    'conflict',
    'The keys or their passphrase changed while the backup was taken. Take it again once that is done.',
  )
}

async function others(directory: string, include: readonly BackupSecret[]): Promise<string[]> {
  const { options, root } = dataFiles(directory)
  const plain = [options, root].filter((file) => existsSync(file)).map((file) => basename(file))
  const secrets = include.map(async (name) =>
    name === 'root-offline' && existsSync(join(directory, name))
      ? (await readdir(join(directory, name))).map((file) => checkedName(directory, `${name}/${file}`))
      : [name],
  )
  return [...plain, ...(await Promise.all(secrets)).flat()]
}
