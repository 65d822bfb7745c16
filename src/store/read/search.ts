import { searchKey } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { CertificateFilter, CertificateSummary, Page } from '../queries.ts'
import { type StoredSummary, summaryOf } from './certificate-row.ts'
import { pageOf, writeCursor } from './cursor.ts'
import { rareLeader } from './rare-leader.ts'
import { planSearch, type SearchPlan, type Value } from './search-plan.ts'
import { countSql, pageSql, type Sql, type Walk, type WalkEnd, walkEndSql, walkOf } from './search-sql.ts'

type Found = StoredSummary & WalkEnd

/** Rows of the leading index that are looked at, at most; at least 1. */
export interface SearchBounds {
  /** For one page of a search. */
  readonly page: number
  /** Likewise where rows are scattered in the table. */
  readonly scattered: number
  /** For one step of a count. */
  readonly count: number
}

/** A few milliseconds for a page with millions of certificates; fewer people wait for a count. */
const SEARCH_BOUNDS: SearchBounds = { page: 1000, scattered: 250, count: 20_000 }

export interface CountStep {
  readonly count: number
  /** Null at the end, and where the limit is reached. */
  readonly next: string | null
}

export function searchQueries(db: Connection, bounds = SEARCH_BOUNDS) {
  const lead = rareLeader(db)
  db.function('first_name', { deterministic: true }, firstName)
  const all = <Row>({ sql, values }: Sql): Row[] => db.prepare<Value[], Row>(sql).all(...values)
  const walked = (filter: CertificateFilter, after: string | undefined) =>
    walkOf(filter, after, lead(filter, planSearch(filter)))
  const endOf = (walk: Walk, rows: number): WalkEnd | undefined =>
    walk.plan.few ? undefined : all<WalkEnd>(walkEndSql(walk, rows))[0]
  const cursorAt = ({ order }: SearchPlan, { k0, k1 }: WalkEnd) => writeCursor(order, keyText(k0, k1))

  /** One transaction: the end of the walk and what is on the way there belong together. */
  const search = db.transaction((filter: CertificateFilter, { limit, after }: Page) => {
    const walk = walked(filter, after)
    // Where nothing is left to check, every row that is walked stands on the page.
    const rows = walk.plan.scattered ? bounds.scattered : bounds.page
    const end = walk.rest.length === 0 ? undefined : endOf(walk, rows)
    const found = all<Found>(pageSql(walk, limit, end))
    const { rows: page, next } = pageOf(found, limit, (row) => cursorAt(walk.plan, row))
    return { rows: page.map(summaryOf), next: next ?? (end ? cursorAt(walk.plan, end) : null) }
  })

  const count = db.transaction((filter: CertificateFilter, { limit, after }: Page): CountStep => {
    const walk = walked(filter, after)
    const end = endOf(walk, bounds.count)
    const counted = Number(Object.values(all<Record<string, number>>(countSql(walk, limit, end))[0]!)[0])
    return { count: counted, next: end && counted < limit ? cursorAt(walk.plan, end) : null }
  })

  return {
    async searchCertificates(
      filter: CertificateFilter,
      page: Page,
    ): Promise<{ rows: CertificateSummary[]; next: string | null }> {
      return search(filter, page)
    },

    /** How many match on one stretch of the walk, counting no further than `limit`, and where the next one begins. */
    async countStep(filter: CertificateFilter, page: Page): Promise<CountStep> {
      return count(filter, page)
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
