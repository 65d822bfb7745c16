import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { createSchema } from '../../src/store/migrate.ts'
import { plannedOnce } from '../../src/store/planned-once.ts'
import type { CertificateFilter } from '../../src/store/queries.ts'
import { rareLeader } from '../../src/store/read/rare-leader.ts'
import { searchQueries } from '../../src/store/read/search.ts'
import { planSearch } from '../../src/store/read/search-plan.ts'
import { pageSql, walkOf } from '../../src/store/read/search-sql.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, issuance, NOW, revocation, serial } from './records.ts'

/** A thousand certificates of one admin and profile; every hundredth is of another profile, every tenth of those and others revoked. */
const db = new Database(':memory:')
createSchema(db)
const handlers = createHandlers(db)
handlers.recordAuthority(authority())
db.transaction(() => {
  for (let n = 0; n < 1000; n++) {
    const profile = n % 100 === 7 ? 'rare' : 'common'
    // The later one was asked for, the earlier it was issued: the two orders differ.
    handlers.recordIssuance(
      issuance(n, { profile, principal: 'admin:busy', issuedAt: NOW * 1000 - n * 1000 }),
    )
    if (n % 3 === 1) handlers.revoke(revocation(n, { reason: n % 2 ? 1 : 6 }))
  }
})()
const searches = searchQueries(db)
const lead = rareLeader(db)
const now = NOW
const plan = (filter: Omit<CertificateFilter, 'now'>) =>
  lead({ now, ...filter }, planSearch({ now, ...filter }))

async function found(filter: Omit<CertificateFilter, 'now'>): Promise<string[]> {
  const serials: string[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const page = after === undefined ? { limit: 2 } : { limit: 2, after }
    const { rows, next }: Awaited<ReturnType<typeof searches.searchCertificates>> =
      await searches.searchCertificates({ now, ...filter }, page)
    serials.push(...rows.map(({ serialNumber }) => serialNumber))
    after = next
  }
  return serials
}

const rare = Array.from({ length: 10 }, (_, n) => n * 100 + 7)

describe('what is rare leads', () => {
  test.each([
    ['an admin that made very many', { principal: 'admin:busy' }],
    ['a time', { issuedAfter: NOW - 2000 }],
    ['an end', { expiresAfter: NOW }],
    ['a revocation', { state: 'revoked' }],
    ['a hold', { state: 'held' }],
    ['what is valid', { state: 'valid' }],
  ] as const)('before %s', (_, frequent) => {
    expect(plan({ ...frequent, profile: 'rare' }).leader).toContain('INDEXED BY certificates_profile')
    expect(plan({ ...frequent, profile: 'absent' }).leader).toContain('INDEXED BY certificates_profile')
    expect(plan({ ...frequent, profile: 'common' })).toEqual(
      planSearch({ now, ...frequent, profile: 'common' }),
    )
  })

  test('and the order is that of the filter, through all pages', async () => {
    const newest = rare.toReversed().map(serial)
    expect(await found({ principal: 'admin:busy', profile: 'rare' })).toEqual(newest)
    expect(await found({ profile: 'rare', issuedAfter: NOW + 1 })).toEqual([])
    expect(await found({ profile: 'rare', issuedAfter: NOW - 600 })).toEqual(rare.slice(0, 6).map(serial))
    expect(await found({ profile: 'rare', issuedBefore: NOW - 600 })).toEqual(rare.slice(6).map(serial))
    const revoked = rare.filter((n) => n % 3 === 1 && n % 2)
    expect(await found({ profile: 'rare', state: 'revoked' })).toEqual(revoked.toReversed().map(serial))
    expect(await found({ profile: 'rare', state: 'held' })).toEqual([])
    expect(await found({ profile: 'absent', principal: 'admin:busy' })).toEqual([])
  })

  test('and only what leads so few rows is ever sorted', () => {
    const steps = (filter: Omit<CertificateFilter, 'now'>) => {
      const { sql, values } = pageSql(walkOf({ now, ...filter }, undefined, plan(filter)), 5, undefined)
      return db
        .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${plannedOnce(sql)}`)
        .all(...values)
        .map(({ detail }) => detail)
    }
    expect(steps({ profile: 'rare', state: 'valid' })[0]).toContain(
      'USING INDEX certificates_profile (profile=?',
    )
    expect(steps({ profile: 'common', issuedBefore: NOW })[0]).toContain('certificates_issued (issued_ms<?')
    for (const step of steps({ profile: 'common', issuedBefore: NOW }))
      expect(step).not.toContain('TEMP B-TREE')
  })
})
