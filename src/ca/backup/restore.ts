import { existsSync, lstatSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Clock, epochSeconds, rfc3339 } from '../../clock.ts'
import { dataFiles } from '../../config/data-directory.ts'
import { makePrivateDirectory, syncDirectory } from '../../durable-files.ts'
import { CaError } from '../../errors.ts'
import { newestSchema } from '../../store/migrate.ts'
import { openStore } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import { auditEntry, SYSTEM_ORIGIN } from '../audit.ts'
import { copyFileSynced } from '../copy-file.ts'
import { makeInStaging } from '../hierarchy/staging.ts'
import { type Manifest, readManifest } from './manifest.ts'
import { type CarriedOver, carryOverCrls } from './newer-crl.ts'

export interface RestoreWish {
  /** What `takeBackup` made. */
  readonly backup: string
  /** The data directory that is to be. */
  readonly directory: string
  /** DER: CRLs that relying parties have seen since. */
  readonly crls: readonly Uint8Array[]
  /** When the backup was taken indeed, where the clock was ahead that its manifest has it from. Seconds since 1970. */
  readonly takenAt?: number | undefined
  readonly clock: Clock
}

export interface Restored {
  readonly manifest: Manifest
  readonly carriedOver: readonly CarriedOver[]
}

/** By the clock of then its numbers went on, and since when is told by the right one. */
type DatedManifest = Manifest & { readonly elapsedFrom: number }

/** By so much two machines' clocks may differ. Seconds. */
const SKEW = 300

/** Tokens, keys, accounts, orders, requests: beyond what a machine records. */
const NUMBERS_A_SECOND = 10_000

/** CRLs of one scope are made one at a time and wait 50 ms for more revocations, so no more than these in a second. */
const CRLS_A_SECOND = 20

const FILE_MODES: Readonly<Record<string, number>> = { 'root.pem': 0o644, 'chancery.yaml': 0o644 }

/**
 * Puts a backup into a data directory that has no CA, all of it or nothing, the database last. Its numbers, those of CRLs among
 * them, go on where none was given out before. Throws `CaError`: "conflict" where there is a CA, or files of one, or a service that runs;
 * "badConfiguration" where the backup is damaged or of a newer Chancery; "badCrl" as `carryOverCrls`.
 */
export async function restoreBackup(wish: RestoreWish): Promise<Restored> {
  const { backup, directory, crls, clock } = wish
  const manifest = readManifest(backup)
  const newest = newestSchema()
  if (manifest.schema > newest) {
    throw new CaError(
      'badConfiguration',
      `The backup has schema ${manifest.schema}, but this Chancery knows only up to ${newest}. Restore it with the Chancery that took it, or a newer one.`,
    )
  }
  const takenAt = wish.takenAt ?? manifest.takenAt
  refuseEarlyClock(manifest.takenAt, takenAt, clock())
  if (!manifest.files.some(({ name }) => name === basename(dataFiles(directory).database))) {
    throw new CaError('badConfiguration', `The manifest of ${backup} names no database.`)
  }
  const carriedOver = await makeInStaging(
    directory,
    async (staging) => {
      await copyAll(backup, manifest, staging)
      return goOn(dataFiles(staging).database, { ...manifest, elapsedFrom: takenAt }, crls, clock())
    },
    'restored',
    async () => refuseTaken(manifest, directory),
  )
  return { manifest, carriedOver }
}

/** What was given out since the backup is told by the time that has passed. */
function refuseEarlyClock(manifest: number, takenAt: number, now: Date): void {
  const at = epochSeconds(now)
  if (takenAt > manifest) {
    throw new CaError(
      'badConfiguration',
      `The backup is of ${rfc3339(manifest)} by the clock of then, and can be older than that, not newer: CRL numbers would come again.`,
    )
  }
  if (at >= takenAt - SKEW) return
  throw new CaError(
    'badConfiguration',
    `This machine’s clock says ${rfc3339(at)}, but the backup is of ${rfc3339(takenAt)}: CRL numbers would come again. Set the clock, then restore; or, where the clock was ahead when the backup was taken, say by --taken-at when that was.`,
  )
}

async function copyAll(backup: string, { files }: Manifest, staging: string): Promise<void> {
  const folders = new Set<string>()
  for (const { name, sha256 } of files) {
    const source = join(backup, name)
    if (!existsSync(source)) throw damaged(source, 'is missing')
    const target = join(staging, name)
    makePrivateDirectory(dirname(target))
    folders.add(dirname(target))
    // Of the bytes that were copied: the file could change after a look at it.
    if ((await copyFileSynced(source, target, FILE_MODES[name] ?? 0o600)) !== sha256)
      throw damaged(source, 'is torn or changed')
  }
  for (const folder of folders) syncDirectory(folder)
}

function damaged(file: string, how: string): CaError {
  return new CaError(
    'badConfiguration',
    `${file} ${how}: it is not as the manifest says. Nothing was restored; take another backup.`,
  )
}

/** Before anybody can open the database in its place, so that no CRL is made from the one that lacks revocations. */
async function goOn(
  file: string,
  manifest: DatedManifest,
  crls: readonly Uint8Array[],
  now: Date,
): Promise<CarriedOver[]> {
  const store = await openStore({ file })
  try {
    return await continueFrom(store, manifest, crls, now)
  } finally {
    await store.close()
  }
}

async function continueFrom(
  store: Store,
  { takenAt, newestAudit, elapsedFrom }: DatedManifest,
  crls: readonly Uint8Array[],
  now: Date,
): Promise<CarriedOver[]> {
  const carriedOver = await carryOverCrls(store, crls, now)
  const at = epochSeconds(now)
  const seconds = at - elapsedFrom + SKEW
  await store.write('leapNumbers', { by: NUMBERS_A_SECOND * seconds })
  // A burst of revocations takes the numbers ahead of the time, so the time alone may be behind what was given out.
  const leap = CRLS_A_SECOND * seconds
  for (const { id, keyFile, certificate } of await store.read.authorities()) {
    if (keyFile === null || certificate === null) continue
    await store.write('leapCrlNumbers', { authority: id, from: takenAt, by: leap })
  }
  const detail = {
    takenAt: rfc3339(takenAt),
    ...(elapsedFrom === takenAt ? {} : { saidToBeOf: rfc3339(elapsedFrom) }),
    newestAudit,
    crls: carriedOver.map(({ authority, number, recorded, unknown }) => ({
      ...{ authority, number, recorded, unknown: unknown.length },
    })),
  }
  await store.write(
    'audit',
    auditEntry('database.restore', 'ok', 'database', { id: 'system:cli' }, SYSTEM_ORIGIN, now, detail),
  )
  return carriedOver
}

/** Keys or settings that are there may be newer than the backup's. */
function refuseTaken({ files }: Manifest, directory: string): void {
  const top = new Set(files.map(({ name }) => name.split('/', 1)[0]!))
  // A link that leads nowhere, as to a disk that is not there, would stand in the way as well.
  const taken = [...top].filter((name) => lstatSync(join(directory, name), { throwIfNoEntry: false }))
  if (taken.length === 0) return
  throw new CaError(
    'conflict',
    `${directory} has ${taken.join(', ')} already. Move these away, or restore into another directory.`,
  )
}
