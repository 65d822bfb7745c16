import { CaError } from '../../errors.ts'
import type { Connection } from '../connection.ts'
import { memoryOf } from './memory.ts'

/** The key under which other rows name an authority. `unknownAuthority` if it was never recorded. */
export function authorityKeys(db: Connection): (id: string) => number {
  const find = db.prepare<[string], number>('SELECT key FROM authorities WHERE id = ?').pluck()
  return (id) => {
    const { authorities } = memoryOf(db)
    const known = authorities.get(id)
    if (known !== undefined) return known
    const key = find.get(id)
    if (key === undefined)
      throw new CaError('unknownAuthority', `There is no authority "${id}" in the database.`)
    authorities.set(id, key)
    return key
  }
}
