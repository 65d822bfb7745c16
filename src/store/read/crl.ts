import { partitionColumn } from '../columns.ts'
import type { CrlScope } from '../commands.ts'
import type { Connection } from '../connection.ts'
import type { CrlRow, ScopeCrlRow } from '../queries.ts'

type StoredCrl = CrlRow & {
  kind: 'full' | 'delta'
  through: number
  baseNumber: number
  baseThisUpdate: number
  baseThrough: number
  locations: string
}

const COLUMNS = 'number, this_update AS thisUpdate, next_update AS nextUpdate, entries, der'
const AUTHORITY = '(SELECT key FROM authorities WHERE id = ?)'

export function crlQueries(db: Connection) {
  const latest = db.prepare<[string], CrlRow>(
    `SELECT ${COLUMNS} FROM crls WHERE authority = ${AUTHORITY} AND partition = -1 AND kind = 'full'`,
  )
  const ofScope = db.prepare<[string, number], StoredCrl>(
    `SELECT ${COLUMNS}, kind, through, base_number AS baseNumber, base_this_update AS baseThisUpdate,
       base_through AS baseThrough, locations
     FROM crls WHERE authority = ${AUTHORITY} AND partition = ?`,
  )
  const locations = db.prepare<[string], { partition: number; url: string }>(
    `SELECT partition, url FROM crl_locations WHERE authority = ${AUTHORITY} ORDER BY partition, url`,
  )
  const latestChange = changeFinder(db)
  return {
    async latestCrl(authority: string): Promise<CrlRow | null> {
      return latest.get(authority) ?? null
    },
    async scopeCrls({ authority, partition }: CrlScope) {
      const rows = ofScope.all(authority, partitionColumn(partition))
      const find = (kind: StoredCrl['kind']) => {
        const row = rows.find((one) => one.kind === kind)
        return row ? scopeCrl(row) : null
      }
      return { full: find('full'), delta: find('delta') }
    },
    latestChange: async (scope: CrlScope) => latestChange(scope),
    crlLocations: async (authority: string) => locations.all(authority),
  }
}

function scopeCrl(row: StoredCrl): ScopeCrlRow {
  const { number, thisUpdate, nextUpdate, entries, der, through, baseNumber, baseThisUpdate, baseThrough } =
    row
  return {
    ...{ number, thisUpdate, nextUpdate, entries, der, through },
    base: { number: baseNumber, thisUpdate: baseThisUpdate, through: baseThrough },
    locations: JSON.parse(row.locations) as string[],
  }
}

/** The newest change in a scope, from the ends of two indexes. */
export function changeFinder(db: Connection): (scope: CrlScope) => number {
  const newest = (table: string) => ({
    ofAll: db
      .prepare<[string], number | null>(`SELECT max(change) FROM ${table} WHERE authority = ${AUTHORITY}`)
      .pluck(),
    ofPartition: db
      .prepare<[string, number], number | null>(
        `SELECT max(change) FROM ${table} WHERE authority = ${AUTHORITY} AND partition = ?`,
      )
      .pluck(),
  })
  const tables = [newest('revocations'), newest('releases')]
  const carried = db
    .prepare<[string], number | null>(
      `SELECT max(change) FROM carried_revocations WHERE authority = ${AUTHORITY}`,
    )
    .pluck()
  return ({ authority, partition }) =>
    Math.max(
      0,
      Number(carried.get(authority)),
      ...tables.map(({ ofAll, ofPartition }) =>
        Number(partition === null ? ofAll.get(authority) : ofPartition.get(authority, partition)),
      ),
    )
}
