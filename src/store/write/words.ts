import type { Connection } from '../connection.ts'

/** The key of a text in `words`, which it joins on first use. */
export function wordKeys(db: Connection): (text: string) => number {
  const find = db.prepare<[string], number>('SELECT key FROM words WHERE text = ?').pluck()
  const add = db.prepare<[string], number>('INSERT INTO words (text) VALUES (?) RETURNING key').pluck()
  return (text) => find.get(text) ?? add.get(text)!
}
