import { searchKey } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { CertificateFilter, CertificateSummary, Page } from '../queries.ts'
import { type StoredSummary, summaryOf } from './certificate-row.ts'
import { pageOf, writeCursor } from './cursor.ts'
import { rareLeader } from './rare-leader.ts'
import { planSearch, type Value } from './search-plan.ts'
import { countSql, pageSql } from './search-sql.ts'

type Found = StoredSummary & { k0: Value; k1?: Value }

export function searchQueries(db: Connection) {
  const lead = rareLeader(db)
  db.function('first_name', { deterministic: true }, firstName)
  return {
    async searchCertificates(
      filter: CertificateFilter,
      page: Page,
    ): Promise<{ rows: CertificateSummary[]; next: string | null }> {
      const { sql, values, order } = pageSql(filter, page, lead(filter, planSearch(filter)))
      const found = db.prepare<Value[], Found>(sql).all(...values)
      const { rows, next } = pageOf(found, page.limit, ({ k0, k1 }) => writeCursor(order, keyText(k0, k1)))
      return { rows: rows.map(summaryOf), next }
    },

    async countCertificates(filter: CertificateFilter, limit: number): Promise<number> {
      const { sql, values } = countSql(filter, limit, lead(filter, planSearch(filter)))
      return (
        db
          .prepare<Value[], number>(sql)
          .pluck()
          .get(...values) ?? 0
      )
    },
  }
}

function keyText(...key: readonly (Value | undefined)[]): (string | number)[] {
  return key
    .filter((part) => part !== undefined)
    .map((part) => (Buffer.isBuffer(part) ? part.toString('hex') : part))
}

/** The first search key in [low, high) among a certificate's names: where a suffix search lists it. */
function firstName(names: string, low: string, high: string): string | null {
  const keys = (JSON.parse(names) as string[]).map((name) => searchKey(name.slice(name.indexOf(':') + 1)))
  return keys.filter((key) => key >= low && key < high).sort()[0] ?? null
}
