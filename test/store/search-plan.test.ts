import Database from 'better-sqlite3'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSchema } from '../../src/store/migrate.ts'
import { plannedOnce } from '../../src/store/planned-once.ts'
import type { AuditFilter, CertificateFilter } from '../../src/store/queries.ts'
import { auditSql } from '../../src/store/read/audit.ts'
import { writeCursor } from '../../src/store/read/cursor.ts'
import { searchQueries } from '../../src/store/read/search.ts'
import { countSql, pageSql, walkEndSql, walkOf } from '../../src/store/read/search-sql.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, DAY, issuance, NOW, revocation } from './records.ts'

const ROWS = 3000
const db = new Database(':memory:')
createSchema(db)
const searches = searchQueries(db)

beforeAll(() => {
  const handlers = createHandlers(db)
  for (const id of ['issuing', 'other']) handlers.recordAuthority(authority({ id }))
  db.transaction(() => {
    for (let n = 0; n < ROWS; n++) {
      handlers.recordIssuance(
        issuance(n, {
          authority: n % 3 ? 'issuing' : 'other',
          names: [{ type: 'dns', value: `host${n % 50}.example.test` }],
          profile: `profile ${n % 5}`,
          principal: `token:${n % 40}`,
          notAfter: NOW + ((n % 200) - 60) * DAY,
        }),
      )
      if (n % 7 === 0) handlers.revoke(revocation(n, { reason: n % 28 ? 1 : 6 }))
    }
  })()
})

const now = NOW
const soon = NOW + 9 * DAY
const name = 'host7.example.test'
const suffix = '*.example.test'
const profile = 'profile 1'
const principal = 'token:3'
const authorityId = 'other'

/** Filter, and what SQLite must begin with. */
const searchesBy: [string, Omit<CertificateFilter, 'now'>, string][] = [
  ['nothing', {}, 'SCAN c'],
  ['text', { text: 'host7' }, 'SCAN c'],
  ['text, profile', { text: 'host7', profile }, 'SEARCH c USING INDEX certificates_profile (profile=?'],
  ['name', { name }, 'SEARCH n USING PRIMARY KEY (name=?'],
  ['suffix', { name: suffix }, 'SEARCH n USING PRIMARY KEY ((name,certificate)>(?,?) AND name<?)'],
  ['principal', { principal }, 'SEARCH c USING INDEX certificates_principal (principal=?'],
  ['profile', { profile }, 'SEARCH c USING INDEX certificates_profile (profile=?'],
  ['authority', { authority: authorityId }, 'SEARCH c USING INDEX certificates_authority (authority=?'],
  [
    'serial number',
    { serialPrefix: '40a' },
    'SEARCH c USING INDEX certificates_serial (serial>? AND serial<?)',
  ],
  ['issued after', { issuedAfter: NOW }, 'SEARCH c USING INDEX certificates_issued (issued_ms>?'],
  [
    'issued after, profile',
    { issuedAfter: NOW, profile },
    'SEARCH c USING INDEX certificates_issued (issued_ms>?',
  ],
  [
    'issued before, authority',
    { issuedBefore: soon, authority: authorityId },
    'SEARCH c USING INDEX certificates_issued (issued_ms<?',
  ],
  ['issued before', { issuedBefore: soon }, 'SEARCH c USING INDEX certificates_issued (issued_ms<?)'],
  ['expires before', { expiresBefore: soon }, 'SEARCH c USING INDEX certificates_expiry (not_after<?)'],
  ['expires after', { expiresAfter: soon }, 'SEARCH c USING INDEX certificates_expiry (not_after>?)'],
  ['valid', { state: 'valid' }, 'SEARCH c USING INDEX certificates_expiry (not_after>?)'],
  ['expired', { state: 'expired' }, 'SEARCH c USING INDEX certificates_expiry (not_after<?)'],
  ['revoked', { state: 'revoked' }, 'SCAN r'],
  ['held', { state: 'held' }, 'SCAN r USING INDEX revocations_held'],
  [
    'valid, profile',
    { state: 'valid', profile },
    'SEARCH c USING INDEX certificates_profile_expiry (profile=? AND',
  ],
  [
    'expired, profile',
    { state: 'expired', profile },
    'SEARCH c USING INDEX certificates_profile_expiry (profile=? AND',
  ],
  ['revoked, profile', { state: 'revoked', profile }, 'SCAN r'],
  ['held, profile', { state: 'held', profile }, 'SCAN r USING INDEX revocations_held'],
  [
    'valid, authority',
    { state: 'valid', authority: authorityId },
    'SEARCH c USING INDEX certificates_authority_expiry (authority=? AND',
  ],
  [
    'expired, authority',
    { state: 'expired', authority: authorityId },
    'SEARCH c USING INDEX certificates_authority_expiry (authority=? AND',
  ],
  [
    'revoked, authority',
    { state: 'revoked', authority: authorityId },
    'SEARCH r USING INDEX revocations_authority (authority=?',
  ],
  ['held, authority', { state: 'held', authority: authorityId }, 'SCAN r USING INDEX revocations_held'],
  ['valid, name', { state: 'valid', name }, 'SEARCH n USING PRIMARY KEY (name=?'],
  ['revoked, name', { state: 'revoked', name }, 'SEARCH n USING PRIMARY KEY (name=?'],
  [
    'held, suffix',
    { state: 'held', name: suffix },
    'SEARCH n USING PRIMARY KEY ((name,certificate)>(?,?) AND name<?)',
  ],
  [
    'valid, principal',
    { state: 'valid', principal },
    'SEARCH c USING INDEX certificates_principal (principal=?',
  ],
  [
    'revoked, principal',
    { state: 'revoked', principal },
    'SEARCH c USING INDEX certificates_principal (principal=?',
  ],
  [
    'expiry, profile',
    { expiresBefore: soon, profile },
    'SEARCH c USING INDEX certificates_profile_expiry (profile=? AND',
  ],
  [
    'valid, window',
    { state: 'valid', expiresAfter: 0, expiresBefore: soon },
    'SEARCH c USING INDEX certificates_expiry (not_after>? AND not_after<?)',
  ],
]

const auditBy: [string, AuditFilter, string][] = [
  ['nothing', {}, 'SCAN t'],
  ['target', { target: 'issuing' }, 'SEARCH t USING INDEX audit_target (target=?'],
  ['actor', { actor: 'admin:default' }, 'SEARCH t USING INDEX audit_actor (actor=?'],
  ['action', { action: 'certificate.issue' }, 'SEARCH t USING INDEX audit_action (action=?'],
  ['period', { from: 0, to: NOW * 1000 }, 'SEARCH t USING INDEX audit_at (at>? AND at<?)'],
  ['actor in a period', { actor: 'admin:default', from: 0 }, 'SEARCH t USING INDEX audit_actor (actor=?'],
]

function planOf({ sql, values }: { sql: string; values: readonly unknown[] }): string[] {
  const steps = db
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${plannedOnce(sql)}`)
    .all(...values)
  return steps.map(({ detail }) => detail.replace('COVERING ', ''))
}

/** Led by the index, the rest found by key, nothing sorted and no index made for the occasion. */
function expectPlan(steps: readonly string[], leader: string): void {
  expect(steps[0]).toContain(leader)
  for (const step of steps.slice(1)) expect(step).not.toMatch(/TEMP B-TREE|AUTOMATIC|^SCAN/)
}

describe('a search by', () => {
  test.each(searchesBy)('%s runs on its index, on the first page and the next', async (_, filter, leader) => {
    const first = walkOf({ now, ...filter }, undefined)
    expectPlan(planOf(pageSql(first, 7, undefined)), leader)
    expectPlan(planOf(walkEndSql(first, 100)), leader.replace(/^SCAN .*/, 'SCAN'))
    const { next } = await searches.searchCertificates({ now, ...filter }, { limit: 1 })
    expect(next).not.toBeNull()
    const later = planOf(pageSql(walkOf({ now, ...filter }, next!), 7, undefined))
    expectPlan(later, leader.startsWith('SCAN') ? '' : leader.replace(/ \(.*/, ''))
  })

  test.each(searchesBy)('%s is counted on an index', (_, filter, leader) => {
    const [outer, ...inner] = planOf(countSql(walkOf({ now, ...filter }, undefined), 10, undefined))
    const [lead, ...rest] = inner.filter((step) => !step.startsWith('SCAN (subquery'))
    expect(outer).toMatch(/^CO-ROUTINE/)
    expectPlan([lead!, ...rest], leader.split(' USING')[0]!)
  })
})

describe('an audit listing by', () => {
  test.each(auditBy)('%s runs on its index', (_, filter, leader) => {
    expectPlan(planOf(auditSql(filter, { limit: 7 }).page()), leader)
    const after = writeCursor(
      leader.includes('audit_at') ? 'time' : 'audit',
      leader.includes('audit_at') ? [NOW, 5] : [5],
    )
    expectPlan(
      planOf(auditSql(filter, { limit: 7, after }).page()),
      leader.startsWith('SCAN') ? '' : leader.replace(/ \(.*/, ''),
    )
  })
})
