import Database from 'better-sqlite3'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSchema } from '../../src/store/migrate.ts'
import type { AuditFilter, CertificateFilter } from '../../src/store/queries.ts'
import { auditSql } from '../../src/store/read/audit.ts'
import { searchQueries } from '../../src/store/read/search.ts'
import { countSql, pageSql } from '../../src/store/read/search-sql.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, DAY, issuance, NOW, revocation } from './sample.ts'

const ROWS = 3000
const db = new Database(':memory:')

beforeAll(() => {
  createSchema(db)
  searchQueries(db)
  const handlers = createHandlers(db)
  for (const id of ['issuing', 'other']) handlers.recordAuthority(authority({ id }))
  db.transaction(() => {
    for (let n = 0; n < ROWS; n++) {
      handlers.recordIssuance(
        issuance(n, {
          authority: n % 3 ? 'issuing' : 'other',
          profile: `profile ${n % 5}`,
          principal: `token:${n % 40}`,
          notAfter: NOW + ((n % 200) - 60) * DAY,
        }),
      )
      if (n % 7 === 0) handlers.revoke(revocation(n, { reason: n % 2 ? 6 : 1 }))
    }
  })()
})

const now = NOW
const filters: Record<string, CertificateFilter> = {
  nothing: { now },
  name: { now, name: 'host7.example.test' },
  'a suffix': { now, name: '*.example.test' },
  'state valid': { now, state: 'valid' },
  'state expired': { now, state: 'expired' },
  'state revoked': { now, state: 'revoked' },
  'state held': { now, state: 'held' },
  profile: { now, profile: 'profile 1' },
  principal: { now, principal: 'token:3' },
  authority: { now, authority: 'other' },
  serialPrefix: { now, serialPrefix: '40a' },
  issuedAfter: { now, issuedAfter: NOW },
  issuedBefore: { now, issuedBefore: NOW + 9 },
  expiresBefore: { now, expiresBefore: NOW + 9 * DAY },
  expiresAfter: { now, expiresAfter: NOW + 9 * DAY },
  'an expiry window': { now, expiresAfter: NOW, expiresBefore: NOW + 9 * DAY },
  'valid, profile': { now, state: 'valid', profile: 'profile 1' },
  'expired, profile': { now, state: 'expired', profile: 'profile 1' },
  'revoked, profile': { now, state: 'revoked', profile: 'profile 1' },
  'held, profile': { now, state: 'held', profile: 'profile 1' },
  'valid, authority': { now, state: 'valid', authority: 'other' },
  'expired, authority': { now, state: 'expired', authority: 'other' },
  'revoked, authority': { now, state: 'revoked', authority: 'other' },
  'held, authority': { now, state: 'held', authority: 'other' },
  'valid, name': { now, state: 'valid', name: 'host7.example.test' },
  'revoked, name': { now, state: 'revoked', name: 'host7.example.test' },
  'held, suffix': { now, state: 'held', name: '*.example.test' },
  'valid, principal': { now, state: 'valid', principal: 'token:3' },
  'revoked, principal': { now, state: 'revoked', principal: 'token:3' },
  'expiry, profile': { now, expiresBefore: NOW + 9 * DAY, profile: 'profile 1' },
  'valid, expiry': { now, state: 'valid', expiresAfter: NOW - DAY, expiresBefore: NOW + 9 * DAY },
  'revoked, serialPrefix': { now, state: 'revoked', serialPrefix: '40' },
}

const auditFilters: Record<string, AuditFilter> = {
  nothing: {},
  target: { target: 'issuing' },
  actor: { actor: 'admin:default' },
  action: { action: 'certificate.issue' },
  period: { from: 0, to: NOW * 1000 },
  'actor, period': { actor: 'admin:default', from: NOW * 1000 },
}

function planOf(sql: string, values: readonly unknown[]): string {
  if (process.env.SHOW) console.log(sql.slice(sql.indexOf('FROM certificates c')), db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...values).map(x=>x.detail).join(' | '))
  const steps = db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...values)
  return steps.map(({ detail }) => detail).join('\n')
}

/** The whole of a table is read only where nothing was asked for, or where every row of it is an answer. */
function expectNoScan(plan: string, mayScan: string | null): void {
  expect(plan).not.toContain('TEMP B-TREE')
  expect(plan).not.toContain('AUTOMATIC')
  const scans = plan.split('\n').filter((step) => step.startsWith('SCAN') && step !== mayScan)
  expect(scans).toEqual([])
}

describe('a search by', () => {
  test.each(Object.entries(filters))('%s runs on an index, page after page', (name, filter) => {
    const mayScan = { nothing: 'SCAN c', 'state revoked': 'SCAN r', 'revoked, profile': 'SCAN r' }[name]
    // A partial index holds exactly the rows on hold, and is read from end to end.
    const held = 'SCAN r USING COVERING INDEX revocations_held'
    const first = pageSql(filter, { limit: 7 })
    expectNoScan(planOf(first.sql, first.values), mayScan ?? heldScan(planOf(first.sql, first.values), held))
    const next = db.prepare<unknown[], { k0: unknown; k1?: unknown }>(first.sql).all(...first.values).at(-1)
    expect(next).toBeDefined()
    const count = countSql(filter, 10)
    expectNoScan(planOf(count.sql, count.values), mayScan ?? heldScan(planOf(count.sql, count.values), held))
  })
})

function heldScan(plan: string, held: string): string | null {
  return plan.split('\n').find((step) => step.startsWith('SCAN r USING') && step.includes('revocations_held')) ?? held
}

describe('an audit listing by', () => {
  test.each(Object.entries(auditFilters))('%s runs on an index', (name, filter) => {
    const { sql, values } = auditSql(filter, { limit: 7 })
    expectNoScan(planOf(sql, values), name === 'nothing' ? 'SCAN t' : null)
  })
})
