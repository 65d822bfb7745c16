import Database from 'better-sqlite3'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { IssuanceRecord } from '../../src/store/commands.ts'
import { createSchema } from '../../src/store/migrate.ts'
import type { CertificateFilter, CertificateState, CertificateSummary } from '../../src/store/queries.ts'
import { writeCursor } from '../../src/store/read/cursor.ts'
import { searchQueries } from '../../src/store/read/search.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, DAY, issuance, NOW, revocation, serial } from './records.ts'

const ROWS = 240
const db = new Database(':memory:')
createSchema(db)
const searches = searchQueries(db)
const records: IssuanceRecord[] = []
const reasons = new Map<string, number>()

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!
const AUTHORITIES = ['issuing', 'other']
const PROFILES = ['server', 'client', 'mesh']
const PRINCIPALS = ['admin:default', 'token:1', 'token:2', 'certificate:40ab']
const HOSTS = [
  'web.example.test',
  'db.example.test',
  '*.example.test',
  'example.test',
  'notexample.test',
  'a.b.example.test',
]

beforeAll(() => {
  const handlers = createHandlers(db)
  for (const id of AUTHORITIES) handlers.recordAuthority(authority({ id }))
  for (let n = 0; n < ROWS; n++) {
    const record = issuance(n, {
      authority: pick(AUTHORITIES, n * 7 + (n >> 3)),
      profile: pick(PROFILES, n),
      principal: pick(PRINCIPALS, n >> 1),
      // Many share an expiry, so that pages break in the midst of equal keys.
      notAfter: NOW + ((n % 9) - 4) * DAY,
      issuedAt: NOW * 1000 + ((n * 37) % 60) * 1000,
      names: [
        { type: 'dns', value: pick(HOSTS, n) },
        { type: 'dns', value: pick(HOSTS, (n >> 2) + 1) },
        { type: 'ip', value: `192.0.2.${n % 5}` },
      ],
    })
    records.push(record)
    handlers.recordIssuance(record)
    if (n % 4 === 1) {
      const reason = pick([1, 6, 4], n >> 2)
      handlers.revoke(revocation(n, { reason }))
      reasons.set(record.serialNumber, reason)
    }
  }
})

function stateOf(record: IssuanceRecord, now: number): CertificateState {
  const reason = reasons.get(record.serialNumber)
  if (reason !== undefined) return reason === 6 ? 'held' : 'revoked'
  return record.notAfter < now ? 'expired' : 'valid'
}

/** The filter as its documentation reads, one record at a time. */
function matches(record: IssuanceRecord, filter: CertificateFilter): boolean {
  const { name, state, profile, principal, authority: id, serialPrefix } = filter
  const { issuedBefore, issuedAfter, expiresBefore, expiresAfter, now } = filter
  const named = (value: string) => (name?.startsWith('*') ? value.endsWith(name.slice(1)) : value === name)
  return (
    (name === undefined || record.names.some(({ value }) => named(value))) &&
    (state === undefined || stateOf(record, now) === state) &&
    (profile === undefined || record.profile === profile) &&
    (principal === undefined || record.principal === principal) &&
    (id === undefined || record.authority === id) &&
    (serialPrefix === undefined || record.serialNumber.startsWith(serialPrefix)) &&
    (issuedBefore === undefined || record.issuedAt < issuedBefore * 1000) &&
    (issuedAfter === undefined || record.issuedAt >= issuedAfter * 1000) &&
    (expiresBefore === undefined || record.notAfter < expiresBefore) &&
    (expiresAfter === undefined || record.notAfter >= expiresAfter)
  )
}

async function everyPage(filter: CertificateFilter, limit: number): Promise<string[]> {
  const found: string[] = []
  let after: string | null = null
  do {
    const page = await searches.searchCertificates(filter, after === null ? { limit } : { limit, after })
    expect(page.rows.length).toBeLessThanOrEqual(limit)
    found.push(...page.rows.map(({ serialNumber }) => serialNumber))
    after = page.next
  } while (after !== null)
  return found
}

const day = fc.integer({ min: -5, max: 5 }).map((n) => NOW + n * DAY)
const second = fc.integer({ min: -1, max: 61 }).map((n) => NOW + n)

const anyFilter: fc.Arbitrary<CertificateFilter> = fc
  .record({
    now: day,
    name: fc.constantFrom(...HOSTS, '*.b.example.test', '192.0.2.3', 'absent.test', '*example.test', '*'),
    state: fc.constantFrom('valid', 'revoked', 'held', 'expired'),
    profile: fc.constantFrom(...PROFILES, 'absent'),
    principal: fc.constantFrom(...PRINCIPALS),
    authority: fc.constantFrom(...AUTHORITIES, 'absent'),
    serialPrefix: fc.constantFrom('4', '40', '400', '40ff', 'ff', serial(7), serial(8).slice(0, 9)),
    issuedBefore: second,
    issuedAfter: second,
    expiresBefore: day,
    expiresAfter: day,
  })
  .chain((full) =>
    // A few parts at a time: with all of them given, almost nothing would ever match.
    fc.subarray(Object.keys(full), { maxLength: 3 }).map((kept) => {
      const entries = Object.entries(full).filter(([key]) => kept.includes(key))
      return { ...Object.fromEntries(entries), now: full.now } as CertificateFilter
    }),
  )

describe('a search', () => {
  test('finds exactly what matches, each once, whatever the page size', { timeout: 30_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(anyFilter, fc.integer({ min: 3, max: 90 }), async (filter, limit) => {
        const expected = records
          .filter((record) => matches(record, filter))
          .map(({ serialNumber }) => serialNumber)
        const found = await everyPage(filter, limit)
        expect([...found].sort()).toEqual([...expected].sort())
        const { count } = await searches.countStep(filter, { limit: 1000 })
        expect(count).toBe(expected.length)
        expect((await searches.countStep(filter, { limit: 5 })).count).toBe(Math.min(5, expected.length))
      }),
      { numRuns: 250 },
    )
  })

  const now = NOW
  test('gives the newest first', async () => {
    expect(await everyPage({ now }, 100)).toEqual(records.map(({ serialNumber }) => serialNumber).reverse())
    const named = await everyPage({ now, name: 'web.example.test' }, 7)
    const order = named.map((found) => records.findIndex(({ serialNumber }) => serialNumber === found))
    expect(order).toEqual([...order].sort((a, b) => b - a))
  })

  test('gives what expires soonest first', async () => {
    const { rows } = await searches.searchCertificates({ now, state: 'valid' }, { limit: ROWS })
    const times = rows.map(({ notAfter }) => notAfter)
    expect(times.length).toBeGreaterThan(50)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  test('keeps its place while time goes on', async () => {
    const filter = { now, state: 'valid' } as const
    const { next } = await searches.searchCertificates(filter, { limit: 1 })
    const later = await searches.searchCertificates(
      { ...filter, now: NOW + 3 * DAY },
      { limit: ROWS, after: next! },
    )
    expect(later.rows.length).toBeGreaterThan(0)
    for (const { notAfter } of later.rows) expect(notAfter).toBeGreaterThanOrEqual(NOW + 3 * DAY)
  })

  test('gives nothing beyond the filter to a cursor that was made up', async () => {
    let page = { limit: ROWS, after: writeCursor('name', ['', 0]) }
    const rows: CertificateSummary[] = []
    for (let next: string | null = page.after; next !== null; ) {
      page = { ...page, after: next }
      const found = await searches.searchCertificates({ now, name: '*.b.example.test' }, page)
      rows.push(...found.rows)
      next = found.next
    }
    expect(rows.length).toBeGreaterThan(0)
    for (const { names } of rows) expect(names.map(({ value }) => value)).toContain('a.b.example.test')
  })

  test.each([
    'x',
    '',
    'e30',
    Buffer.from('null').toString('base64url'),
    Buffer.from('["newest"]').toString('base64url'),
    Buffer.from('["newest","5"]').toString('base64url'),
    Buffer.from('["newest",5,6]').toString('base64url'),
    Buffer.from('["expiry",5,6]').toString('base64url'),
  ])('refuses the made-up cursor "%s"', async (after) => {
    await expect(searches.searchCertificates({ now }, { limit: 5, after })).rejects.toMatchObject({
      code: 'malformedRequest',
    })
  })

  test.each(['', 'xyz', '40:11', '4'.repeat(41)])(
    'refuses the serial number prefix "%s"',
    async (serialPrefix) => {
      await expect(searches.searchCertificates({ now, serialPrefix }, { limit: 5 })).rejects.toMatchObject({
        code: 'malformedRequest',
      })
    },
  )
})
