import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { createSchema } from '../../src/store/migrate.ts'
import { dayCountQueries } from '../../src/store/read/day-counts.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, DAY, issuance, NOW, revocation } from './records.ts'

const db = new Database(':memory:')
createSchema(db)
const handlers = createHandlers(db)
handlers.recordAuthority(authority({ id: 'issuing' }))
for (let n = 0; n < 10; n++) {
  handlers.recordIssuance(issuance(n, { issuedAt: NOW * 1000, notAfter: NOW + 3 * DAY }))
  if (n < 4) handlers.revoke(revocation(n, { revokedAt: NOW + DAY }))
}

test('a day is counted from its first second, and not the first of the next', async () => {
  const { countDay } = dayCountQueries(db)
  expect(await countDay(NOW)).toEqual({ from: NOW, issued: 10, expiring: 0, revoked: 0 })
  expect(await countDay(NOW + 1)).toMatchObject({ issued: 0, revoked: 4 })
  expect(await countDay(NOW + DAY)).toMatchObject({ revoked: 4 })
  expect(await countDay(NOW + 2 * DAY)).toMatchObject({ expiring: 0, revoked: 0 })
  expect(await countDay(NOW + 3 * DAY)).toMatchObject({ expiring: 10 })
})

test('no day is counted beyond the bound, and no row of a table is read', async () => {
  const prepare = db.prepare.bind(db)
  const plans: string[] = []
  const watched = Object.assign(Object.create(db) as typeof db, {
    prepare: (sql: string) => {
      const plan = prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql.replaceAll('?', '1')}`).all()
      plans.push(...plan.map(({ detail }) => detail))
      return prepare(sql)
    },
    transaction: db.transaction.bind(db),
  })
  const { countDay } = dayCountQueries(watched, 3)
  expect(await countDay(NOW)).toMatchObject({ issued: 3 })
  expect(plans.filter((plan) => plan.includes('COVERING INDEX'))).toHaveLength(3)
  expect(plans.filter((plan) => /SEARCH|SCAN (?!\()/.test(plan) && !plan.includes('COVERING'))).toEqual([])
})
