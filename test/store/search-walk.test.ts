import Database from 'better-sqlite3'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSchema } from '../../src/store/migrate.ts'
import type { AuditFilter, CertificateFilter } from '../../src/store/queries.ts'
import { auditQueries } from '../../src/store/read/audit.ts'
import { searchQueries } from '../../src/store/read/search.ts'
import { planSearch } from '../../src/store/read/search-plan.ts'
import { pageSql, type WalkEnd, walkEndSql, walkOf } from '../../src/store/read/search-sql.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, DAY, issuance, NOW, revocation } from './records.ts'

const ROWS = 1200
const WALK = 40
const db = new Database(':memory:')
createSchema(db)
const handlers = createHandlers(db)
for (const id of ['issuing', 'other']) handlers.recordAuthority(authority({ id }))
db.transaction(() => {
  for (let n = 0; n < ROWS; n++) {
    // What is frequent in each part hardly ever meets: what is revoked is old, of one profile and authority.
    const old = n < ROWS / 2
    handlers.recordIssuance(
      issuance(n, {
        authority: old ? 'issuing' : 'other',
        profile: old ? 'server' : 'mesh',
        principal: n % 2 ? 'admin:default' : 'token:1',
        notAfter: NOW + (Math.floor(n / 10) - 60) * DAY,
        issuedAt: NOW * 1000 - ((n * 7) % ROWS) * 1000,
        names: [
          { type: 'dns', value: `a${n % 30}.example.test` },
          { type: 'dns', value: `b${n % 7}.${old ? 'old' : 'new'}.test` },
        ],
      }),
    )
    if (old && n % 3 === 0) handlers.revoke(revocation(n, { reason: n % 2 ? 1 : 6 }))
  }
})()

const bounded = searchQueries(db, { page: WALK, scattered: WALK, count: WALK })
const reference = new Database(db.serialize())
const unbounded = searchQueries(reference, { page: 1e9, scattered: 1e9, count: 1e9 })

const PARTS = {
  name: ['*.example.test', '*.old.test', 'a3.example.test'],
  state: ['valid', 'revoked', 'held', 'expired'],
  profile: ['server', 'mesh'],
  principal: ['admin:default'],
  authority: ['issuing', 'other'],
  serialPrefix: ['4'],
  issuedBefore: [NOW - ROWS / 2],
  issuedAfter: [NOW - ROWS / 3],
  expiresBefore: [NOW - 40 * DAY],
  expiresAfter: [NOW + 40 * DAY],
}

/** Every set of parts of a filter, with the values at `turn`. */
function everyFilter(turn: number): CertificateFilter[] {
  const keys = Object.keys(PARTS) as (keyof typeof PARTS)[]
  return Array.from({ length: 2 ** keys.length }, (_, set) => {
    const parts = keys.filter((_, index) => set & (1 << index))
    return {
      now: NOW,
      ...Object.fromEntries(parts.map((key) => [key, PARTS[key][turn % PARTS[key].length]])),
    } as CertificateFilter
  })
}

test('no page of any combination of filters walks more rows than the bound', { timeout: 60_000 }, () => {
  let walked = 0
  let most = 0
  db.function('walked', (_key) => {
    walked++
    return 1
  })
  for (const turn of [0, 1, 2, 3]) {
    for (const filter of everyFilter(turn)) {
      const plan = planSearch(filter)
      const walk = walkOf(filter, undefined, plan)
      if (walk.rest.length === 0) continue
      const counted = { ...walk, lead: [...walk.lead, { sql: `walked(${plan.key[0]})`, values: [] }] }
      const run = ({ sql, values }: { sql: string; values: unknown[] }) => {
        walked = 0
        const rows = db.prepare<unknown[], WalkEnd>(sql).all(...values)
        expect(walked, `${sql} for ${JSON.stringify(filter)}`).toBeLessThanOrEqual(WALK)
        most = Math.max(most, walked)
        return rows
      }
      const [end] = run(walkEndSql(counted, WALK))
      run(pageSql(counted, 1000, end))
    }
  }
  expect(most).toBe(WALK)
})

const anyFilter = fc
  .tuple(fc.nat(3), fc.nat(2 ** Object.keys(PARTS).length - 1))
  .map(([turn, set]) => everyFilter(turn)[set]!)

test('pages to the end are what one search without a bound gives, in its order', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(anyFilter, fc.integer({ min: 1, max: 60 }), async (filter, limit) => {
      const whole = await unbounded.searchCertificates(filter, { limit: ROWS })
      expect(whole.next).toBeNull()
      const found: string[] = []
      let counted = 0
      for (let after: string | null | undefined; after !== null; ) {
        const page: Awaited<ReturnType<typeof bounded.searchCertificates>> = await bounded.searchCertificates(
          filter,
          { limit, ...(after === undefined ? {} : { after }) },
        )
        found.push(...page.rows.map(({ serialNumber }) => serialNumber))
        after = page.next
      }
      for (let after: string | null | undefined; after !== null; ) {
        const step: Awaited<ReturnType<typeof bounded.countStep>> = await bounded.countStep(filter, {
          limit: ROWS,
          ...(after === undefined ? {} : { after }),
        })
        counted += step.count
        after = step.next
      }
      expect(found).toEqual(whole.rows.map(({ serialNumber }) => serialNumber))
      expect(counted).toBe(found.length)
    }),
    { numRuns: 400 },
  )
})

test('a page may be empty while the search goes on', async () => {
  const filter = { now: NOW, name: '*.example.test', state: 'valid', expiresAfter: NOW + 59 * DAY } as const
  const { rows, next } = await bounded.searchCertificates(filter, { limit: 50 })
  expect(rows).toEqual([])
  expect(next).not.toBeNull()
})

test.each<AuditFilter>([
  { actor: 'admin:default', action: 'certificate.revoke' },
  { action: 'certificate.issue', from: NOW * 1000, to: NOW * 1000 },
  { actor: 'absent', action: 'certificate.issue' },
  { target: '40', actor: 'admin:default' },
  {},
])('the audit log is walked in as short pieces, by %j', async (filter) => {
  const rowsOf = async (walk: number, limit: number) => {
    const { listAudit } = walk === WALK ? short : long
    const ids: number[] = []
    for (let after: string | null | undefined; after !== null; ) {
      const page: Awaited<ReturnType<typeof listAudit>> = await listAudit(filter, {
        limit,
        ...(after === undefined ? {} : { after }),
      })
      ids.push(...page.rows.map(({ id }) => id))
      after = page.next
    }
    return ids
  }
  expect(await rowsOf(WALK, 30)).toEqual(await rowsOf(1e9, 5000))
})
const short = auditQueries(db, WALK)
const long = auditQueries(db, 1e9)
