import { closeSync, openSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { openForWriting } from '../../src/store/connection.ts'
import { temporaryDatabase } from './temporary.ts'

interface Log {
  readonly log: number
  readonly checkpointed: number
}

/** A database of pages that are alike, or each another, and a descriptor of its file. */
export function databaseOfPages(content: 'zeroblob' | 'randomblob') {
  const file = temporaryDatabase()
  const db = openForWriting(file)
  const descriptor = openSync(file, 'r+')
  onTestFinished(() => {
    db.close()
    closeSync(descriptor)
  })
  db.exec('CREATE TABLE pages (content BLOB)')
  const insert = db.prepare(`INSERT INTO pages SELECT ${content}(4096 * 100)`)
  return {
    ...{ file, db, descriptor },
    /** Commits so many hundreds of pages. */
    commit(hundreds: number) {
      for (let n = 0; n < hundreds; n++) insert.run()
    },
    log: () => (db.pragma('wal_checkpoint(NOOP)') as Log[])[0]!,
  }
}
