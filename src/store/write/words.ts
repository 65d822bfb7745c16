import type { Connection } from '../connection.ts'
import { memoryOf } from './memory.ts'

/** The key of a text in `words`, which it joins on first use. */
export function wordKeys(db: Connection): (text: string) => number {
  const find = db.prepare<[string], number>('SELECT key FROM words WHERE text = ?').pluck()
  const add = db.prepare<[string], number>('INSERT INTO words (text) VALUES (?) RETURNING key').pluck()
  return (text) => {
    const { words } = memoryOf(db)
    const known = words.get(text)
    if (known !== undefined) return known
    const key = find.get(text) ?? add.get(text)!
    words.set(text, key)
    return key
  }
}
