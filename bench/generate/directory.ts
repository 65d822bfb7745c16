import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import Database from 'better-sqlite3'
import { dataFiles } from '../../src/config/data-directory.ts'
import { type Multiplication, multiply } from './multiply.ts'
import { issueSeeds } from './seeds.ts'

export interface Generation {
  /** Of the certificates that it is to have. */
  readonly rows: number
  /** The data directory of a stopped service, whose certificates are multiplied; without it a service issues `seeds`. */
  readonly from?: string
  readonly seeds: number
  readonly years: number
  readonly onProgress?: Multiplication['onProgress']
}

/** Makes a data directory, which a service can be started in. Throws where there is something already. */
export async function generateDirectory(directory: string, options: Generation): Promise<void> {
  const { rows, from, seeds, years, onProgress } = options
  if (existsSync(directory) && readdirSync(directory).length > 0) throw new Error(`${directory} is not empty`)
  mkdirSync(directory, { recursive: true })
  if (from) cpSync(from, directory, { recursive: true })
  else await issueSeeds(directory, seeds)
  const db = new Database(dataFiles(directory).database, { fileMustExist: true })
  try {
    // Nothing is lost that could not be made again.
    for (const pragma of ['journal_mode = OFF', 'synchronous = OFF', 'cache_size = -3000000'])
      db.pragma(pragma)
    const progress = onProgress ? { onProgress } : {}
    multiply(db, { rows, span: years * 365 * 86_400, until: Date.now(), ...progress })
    db.pragma('journal_mode = WAL')
  } finally {
    db.close()
  }
}
