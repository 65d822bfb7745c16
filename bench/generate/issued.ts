import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { dataFiles } from '../../src/config/data-directory.ts'
import { multiply } from './multiply.ts'
import { issueSeeds } from './seeds.ts'

/**
 * A data directory with very many certificates, as of a service that ran for years:
 *
 *     node bench/generate/issued.ts --rows 10000000 --directory /tmp/ten-million
 *
 * Some thousand are really issued by a real service (or those of a stopped one are taken, with `--from`), and then multiplied with
 * other serial numbers, names and times. Signatures and keys stay those of the first ones, so signatures do not verify.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    directory: { type: 'string' },
    from: { type: 'string' },
    seeds: { type: 'string', default: '4000' },
    years: { type: 'string', default: '3' },
  },
})
if (!values.directory) throw new Error('--directory says where the data go')

await generate(values.directory)

async function generate(directory: string): Promise<void> {
  if (existsSync(directory) && readdirSync(directory).length > 0) throw new Error(`${directory} is not empty`)
  mkdirSync(directory, { recursive: true })
  if (values.from) cpSync(values.from, directory, { recursive: true })
  else await issueSeeds(directory, Number(values.seeds))
  const db = new Database(dataFiles(directory).database, { fileMustExist: true })
  // Nothing is lost that could not be made again.
  for (const pragma of [
    'journal_mode = OFF',
    'synchronous = OFF',
    'cache_size = -3000000',
    'foreign_keys = OFF',
  ])
    db.pragma(pragma)
  const started = performance.now()
  const onProgress = (rows: number) => {
    const seconds = (performance.now() - started) / 1000
    process.stderr.write(`${rows} rows, ${Math.round(rows / seconds)} a second\n`)
  }
  try {
    multiply(db, {
      rows: Number(values.rows),
      span: Number(values.years) * 365 * 86_400,
      until: Date.now(),
      onProgress,
    })
    db.pragma('journal_mode = WAL')
  } finally {
    db.close()
  }
}
