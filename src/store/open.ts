import { closeSync, openSync, realpathSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncDirectory, syncFile } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { openForMaking, openForReading } from './connection.ts'
import { accessRefusal, refuseReadOnly } from './database-access.ts'
import { keepAccounts } from './kept-accounts.ts'
import { lockDatabase } from './lock.ts'
import { createSchema } from './migrate.ts'
import { rememberNewTokens } from './new-tokens.ts'
import type { NoticeSettings } from './notice-commands.ts'
import type { CertificateFilter } from './queries.ts'
import { pointReads } from './read/queries.ts'
import type { CountStep } from './read/search.ts'
import { identityOf, isDatabaseThere } from './same-file.ts'
import { SearchQueue } from './search-queue.ts'
import { makingError } from './storage-failure.ts'
import type { Store } from './store.ts'
import { startSearcher, startWriter } from './threads.ts'
import { WatchedReads } from './watched-reads.ts'
import type { WriterSettings } from './writer-messages.ts'
import { type QueueLimit, WriterQueue } from './writer-queue.ts'

export interface StoreOptions {
  /** The database file, which `createDatabase` made. */
  file: string
  /** Writes that may wait; by default 4096, of 64 MiB together. */
  queueLimit?: QueueLimit
  /** How often a writer that failed tries whether it can write again; by default 1000. */
  probeMilliseconds?: number
  /** For whom notices of what happens are kept; by default nobody. */
  notices?: NoticeSettings
  /** Writes in this thread, which then waits for the disk: where nobody else waits for it, and a thread is not worth its start. */
  writesHere?: boolean
}

const QUEUE_LIMIT: QueueLimit = { commands: 4096, bytes: 64 * 1024 * 1024 }
/** Searches that may wait behind the one that runs. */
const SEARCH_LIMIT = 128
const PROBE_MILLISECONDS = 1000
/** Creates an empty database, readable by its owner alone. `conflict` if anything is there already. */
export function createDatabase(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new CaError('conflict', `${file} exists already. It was left as it is.`, { cause })
    }
    throw new CaError('badConfiguration', `The database ${file} cannot be created: ${messageOf(cause)}.`, {
      cause,
    })
  }
  try {
    const db = openForMaking(file)
    try {
      createSchema(db)
    } finally {
      db.close()
    }
    syncFile(file)
  } catch (error) {
    rmSync(file)
    throw makingError(error, file)
  }
  syncDirectory(dirname(file))
}

/**
 * Opens an existing database for this process alone and brings its schema up to date. `badConfiguration` if it is
 * missing, not ours, from a newer Chancery, or in use by another process.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  if (!isDatabaseThere(options.file)) {
    throw new CaError(
      'badConfiguration',
      `There is no database at ${options.file}. Create one with "chancery init".`,
    )
  }
  // Through symbolic links, so that one database has one lock by whatever path it is reached.
  const file = realpathSync(options.file)
  refuseReadOnly(file)
  const lock = lockDatabase(file)
  if (!lock) {
    throw new CaError(
      'badConfiguration',
      `The database ${file} is in use by another Chancery process. Stop that one first, or use another data directory.`,
    )
  }
  const { probeMilliseconds = PROBE_MILLISECONDS, notices } = options
  const settings: WriterSettings = { file, probeMilliseconds, notices }
  const resumed: (() => void)[] = []
  const onResumed = () => {
    for (const listener of resumed) listener()
  }
  const start = options.writesHere ? (await import('./writer-here.ts')).startWriterHere : startWriter
  const writer = new WriterQueue(() => start(settings), options.queueLimit ?? QUEUE_LIMIT, onResumed)
  try {
    await writer.start()
    // Once it is open for writing: an overlay gives a file that it only had for reading another one then.
    settings.identity = identityOf(file)
    return storeOf(settings, writer, lock, resumed)
  } catch (error) {
    await writer.drain()
    await writer.stop()
    lock.release()
    if (error instanceof CaError && error.code !== 'internal') throw error
    const refusal = accessRefusal(file, error)
    if (refusal) throw refusal
    throw new CaError('badConfiguration', `The database ${file} cannot be opened: ${messageOf(error)}.`, {
      cause: error,
    })
  }
}

function storeOf(
  { file, identity, probeMilliseconds }: WriterSettings,
  writer: WriterQueue,
  lock: { release(): void },
  resumed: (() => void)[],
): Store {
  const reader = openForReading(file, identity)
  const searches = new SearchQueue(() => startSearcher(file, identity), SEARCH_LIMIT)
  const reads = new WatchedReads(() => probeRead(file, identity), probeMilliseconds)
  let closed: Promise<void> | undefined
  async function close(): Promise<void> {
    await writer.drain()
    await searches.close()
    reads.close()
    // The writer goes last: the last connection to close folds the WAL into the database and removes it.
    reader.close()
    await writer.stop()
    lock.release()
  }
  const read = reads.watch(pointReads(reader))
  const { tokenByHash, ...tokens } = rememberNewTokens({
    read,
    write: (kind, input) => writer.write(kind, input),
  })
  const { acmeAccount, write, forget } = keepAccounts({ read, write: tokens.write })
  resumed.push(forget)
  return {
    read: {
      ...read,
      acmeAccount,
      tokenByHash,
      searchCertificates: (filter, page) => searches.ask('searchCertificates', filter, page),
      countCertificates: (filter, limit) => countAll(searches, filter, limit),
      countDay: (from) => searches.ask('countDay', from),
      listAudit: (filter, page) => searches.ask('listAudit', filter, page),
      endingCertificates: (filter, after) => searches.ask('endingCertificates', filter, after),
      auditChain: (after, through, limit) => searches.ask('auditChain', after, through, limit),
      auditHeads: (after, through) => searches.ask('auditHeads', after, through),
    },
    write,
    get healthy() {
      return writer.healthy && reads.healthy
    },
    get figures() {
      return writer.figures
    },
    onResumed: (listener) => resumed.push(listener),
    databaseFile: file,
    databaseIdentity: identity,
    close: () => (closed ??= close()),
  }
}

/** Throws where the database cannot be read; by a connection of its own, which has no page in memory yet. */
function probeRead(file: string, identity: WriterSettings['identity']): void {
  const db = openForReading(file, identity)
  try {
    db.prepare('SELECT max(id) FROM audit').get()
  } finally {
    db.close()
  }
}

function messageOf(error: unknown): string {
  if (error instanceof CaError && error.cause instanceof Error) return firstLine(error.cause.message)
  return firstLine(error instanceof Error ? error.message : String(error))
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text
}

async function countAll(searches: SearchQueue, filter: CertificateFilter, limit: number): Promise<number> {
  let count = 0
  for (let after: string | null | undefined; after !== null && count < limit; ) {
    const step: CountStep = await searches.ask('countStep', filter, {
      limit: limit - count,
      ...(after === undefined ? {} : { after }),
    })
    count += step.count
    after = step.next
  }
  return count
}
