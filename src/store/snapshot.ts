import { closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { syncFile } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { BUSY_MILLISECONDS } from './connection.ts'
import { checkOurs } from './migrate.ts'
import { isDamage, isOutOfReach, makingError, openingError } from './storage-failure.ts'

/** What a copy of the database holds. */
export interface SnapshotFacts {
  /** The number of the newest migration. */
  readonly schema: number
  readonly certificates: number
  readonly revocations: number
  /** Id of the newest audit row; 0 if there is none. */
  readonly newestAudit: number
  /** Where the authorities' keys are, relative to the data directory; "spent" where nothing needs it any more. */
  readonly keyFiles: readonly { readonly name: string; readonly isSpent: boolean }[]
}

/** When the key of a retired authority is spent. */
export interface SpentKeys {
  /** Seconds since 1970: it had retired, and its last certificate had ended. */
  readonly before: number
  /** Certificates by this profile do not count. */
  readonly uncounted: string
}

/**
 * Copies a database, which a service may be writing meanwhile, into a file of its own, durably: the state of one moment,
 * with everything that was committed before the call. Throws EEXIST if the target is there, `storeFailed` if it cannot be read, or the copy is unsound.
 */
export function copyDatabase(file: string, target: string, spent: SpentKeys): SnapshotFacts {
  // VACUUM INTO takes an empty file; made by SQLite it would have the mode that the umask says.
  closeSync(openSync(target, 'wx', 0o600))
  // One read transaction, however long it takes; SQLite's backup would begin again at each commit of the service.
  // Not by openForReading, whose query_only forbids the copy as well.
  const source = openedForCopying(file)
  try {
    source.prepare('VACUUM INTO ?').run(target)
  } catch (error) {
    throw isDamage(error) || isOutOfReach(error, file)
      ? openingError(error, file)
      : makingError(error, target)
  } finally {
    source.close()
  }
  const facts = readFacts(target, spent, file)
  // After SQLite has closed it: closing a descriptor would take SQLite's locks away.
  syncFile(target)
  return facts
}

function openedForCopying(file: string): Database.Database {
  try {
    return new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_MILLISECONDS })
  } catch (error) {
    throw openingError(error, file)
  }
}

/** The first that knows since when an authority is retired. An older database is copied too: that is what one does before an upgrade. */
const SCHEMA_OF_PHASES = 10

function readFacts(file: string, spent: SpentKeys, of: string): SnapshotFacts {
  const db = new Database(file, { readonly: true, fileMustExist: true })
  try {
    const check = db.pragma('quick_check', { simple: true })
    if (check !== 'ok') {
      throw new CaError('storeFailed', `The copy of the database is unsound: ${String(check)}.`)
    }
    checkOurs(db, of)
    const one = (sql: string) => db.prepare<[], number>(sql).pluck().get() ?? 0
    const schema = db.pragma('user_version', { simple: true }) as number
    return {
      schema,
      certificates: one('SELECT count(*) FROM certificates'),
      revocations: one('SELECT count(*) FROM revocations'),
      newestAudit: one('SELECT max(id) FROM audit'),
      keyFiles: schema < SCHEMA_OF_PHASES ? everyKeyFile(db) : keyFilesOf(db, spent),
    }
  } finally {
    db.close()
  }
}

function everyKeyFile(db: Database.Database): SnapshotFacts['keyFiles'] {
  return db
    .prepare<[], string>('SELECT key_file FROM authorities WHERE key_file IS NOT NULL ORDER BY key')
    .pluck()
    .all()
    .map((name) => ({ name, isSpent: false }))
}

function keyFilesOf(db: Database.Database, { before, uncounted }: SpentKeys): SnapshotFacts['keyFiles'] {
  return db
    .prepare<[number, number, string], { name: string; isSpent: number }>(
      `SELECT key_file AS name, state = 'retired' AND coalesce(changed_at, created_at) <= ? AND NOT EXISTS (
         SELECT 1 FROM certificates WHERE authority = authorities.key AND not_after > ?
           AND profile IS NOT (SELECT key FROM words WHERE text = ?)) AS isSpent
       FROM authorities WHERE key_file IS NOT NULL ORDER BY key`,
    )
    .all(before, before, uncounted)
    .map(({ name, isSpent }) => ({ name, isSpent: isSpent === 1 }))
}
