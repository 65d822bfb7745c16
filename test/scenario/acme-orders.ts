import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect } from 'vitest'

/** In the database of a service that has ended: one order for each name, fulfilled, and no certificate but for these. */
export function checkOrders(directory: string, names: readonly string[]): void {
  const database = new Database(join(directory, 'chancery.db'), { readonly: true, fileMustExist: true })
  try {
    const fulfilled = database
      .prepare<[], { identifiers: string; certified: string }>(
        `SELECT o.identifiers AS identifiers, c.names AS certified
         FROM acme_orders o LEFT JOIN certificates c ON c.id = o.certificate`,
      )
      .all()
    const texts = names.map((name) => JSON.stringify([`dns:${name}`])).sort()
    expect(fulfilled.map(({ identifiers }) => identifiers).sort(), 'what was ordered').toEqual(texts)
    expect(fulfilled.map(({ certified }) => certified).sort(), 'what was certified').toEqual(texts)
    const ofAccounts = database
      .prepare("SELECT count(*) FROM certificates WHERE principal LIKE 'account:%'")
      .pluck()
      .get()
    expect(ofAccounts, 'certificates that accounts got').toBe(names.length)
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(database.pragma('foreign_key_check')).toEqual([])
  } finally {
    database.close()
  }
}
