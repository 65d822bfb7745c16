import type { Connection } from '../connection.ts'

/** Tables whose numbers stand in addresses, and in what others keep, as DNS records name accounts. Their rows are never removed. */
const COUNTED = ['acme_accounts', 'admin_keys', 'tokens'] as const
/** Likewise, with AUTOINCREMENT: their rows may be removed. */
const SEQUENCES = ['acme_orders', 'acme_authorizations', 'acme_challenges', 'requests'] as const

/** SQL for the number of the next row. */
export function nextNumber(table: (typeof COUNTED)[number]): string {
  return `(SELECT 1 + max(coalesce((SELECT max(id) FROM ${table}), 0),
    coalesce((SELECT through FROM given_numbers WHERE name = '${table}'), 0)))`
}

export function numberHandlers(db: Connection) {
  const leaps = COUNTED.map((table) =>
    db.prepare<[bigint]>(
      `INSERT OR REPLACE INTO given_numbers (name, through) VALUES ('${table}', ${nextNumber(table)} + ?)`,
    ),
  )
  const go = db.prepare<[bigint, string]>('UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?')
  const begin = db.prepare<[bigint, string]>('INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)')
  return {
    /** After a restore: what was given since the backup, `by` numbers of each kind at the most, is not given again. */
    leapNumbers({ by }: { by: number }) {
      const many = BigInt(by)
      for (const leap of leaps) leap.run(many)
      for (const table of SEQUENCES) if (go.run(many, table).changes === 0) begin.run(many, table)
      return {}
    },
  }
}
