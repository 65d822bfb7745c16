import Database from 'better-sqlite3'
import { applyAll } from '../src/store/migrate.ts'
import { firstLine } from '../src/store/whole-schema.ts'

/** What the migrations make of an empty database, as one script. */
export function wholeSchema(): string {
  const db = new Database(':memory:')
  try {
    applyAll(db)
    return firstLine() + [...statements(db), ...pragmas(db)].map((one) => `${one};\n`).join('')
  } finally {
    db.close()
  }
}

/** In the order in which they were made. What SQLite makes by itself has no SQL, or a name of its own. */
function statements(db: Database.Database): string[] {
  const made = db
    .prepare<[], { type: string; name: string; sql: string }>(
      "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY rowid",
    )
    .all()
  for (const { type, name } of made) {
    if (type === 'table' && db.prepare(`SELECT 1 FROM "${name}"`).get() !== undefined)
      throw new Error(`A migration puts rows into ${name}, which one script of the schema would not.`)
  }
  return made.map(({ sql }) => sql)
}

function pragmas(db: Database.Database): string[] {
  return ['application_id', 'user_version'].map(
    (name) => `PRAGMA ${name} = ${db.pragma(name, { simple: true })}`,
  )
}
