import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeCrlEntry } from '../../src/pki/crl/entry.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { createSchema } from '../../src/store/migrate.ts'
import { keptLists } from '../../src/store/read/kept-lists.ts'

let db: Database.Database

beforeEach(() => {
  db = new Database(':memory:')
  createSchema(db)
  // The rows alone are looked at here, not whose they are.
  db.pragma('foreign_keys = OFF')
})
afterEach(() => db.close())

/** Every row by itself, in the order of certificates: what a list must be. */
function rowByRow(floor: number): Buffer {
  const rows = db
    .prepare<[number], Buffer>(
      'SELECT entry FROM revocations WHERE authority = 1 AND not_after >= ? ORDER BY certificate',
    )
    .pluck()
    .all(floor)
  return Buffer.concat(rows)
}

const certificate = fc.integer({ min: 1, max: 60 })
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('revoke' as const),
      certificate,
      size: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), certificate }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('floor' as const), floor: fc.integer({ min: 0, max: 60 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
)

test('what is kept of a list and read again where it changed is what every row by itself gives', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 200 }),
      fc.integer({ min: 1, max: 7 }),
      (steps, runLength) => {
        db.exec('DELETE FROM revocations; DELETE FROM releases')
        const lists = keptLists(db, runLength)
        const revoke = db.prepare(
          `INSERT INTO revocations (certificate, authority, not_after, revoked_at, reason, change, entry)
         VALUES (:certificate, :authority, :certificate % 13 * 5, 0, 6, :change, :entry)
         ON CONFLICT (certificate) DO UPDATE SET change = excluded.change, entry = excluded.entry`,
        )
        const release = db.prepare(
          "INSERT INTO releases (certificate, authority, not_after, change, entry) VALUES (?, 1, 0, ?, x'00')",
        )
        let [change, floor] = [0, 0]
        for (const one of [...steps, { kind: 'read' as const }]) {
          if (one.kind === 'revoke') {
            const entry = Buffer.alloc(one.size, change % 256)
            // Some are another authority's.
            revoke.run({
              certificate: one.certificate,
              authority: one.certificate % 11 === 0 ? 2 : 1,
              change: ++change,
              entry,
            })
            db.prepare('DELETE FROM releases WHERE certificate = ?').run(one.certificate)
          } else if (one.kind === 'release') {
            const { changes } = db
              .prepare('DELETE FROM revocations WHERE certificate = ? AND authority = 1')
              .run(one.certificate)
            if (changes > 0) release.run(one.certificate, ++change)
          } else if (one.kind === 'floor') floor = one.floor
          else {
            const runs = lists.current({ authority: 1, floor, at: 0 }, change)
            expect(Buffer.concat(runs.map(({ der }) => der))).toEqual(rowByRow(floor))
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('what was revoked while the clock was ahead is dated no later than its list, also where it was kept', () => {
  const lists = keptLists(db, 2)
  const revoke = db.prepare(
    `INSERT INTO revocations (certificate, authority, not_after, revoked_at, reason, change, entry)
     VALUES (?, 1, 9000, ?, 1, ?, ?)`,
  )
  const dates = [500, 2000, 3000, 400, 2500]
  for (const [i, revokedAt] of dates.entries()) {
    const serialNumber = `4${i}`
    const entry = encodeCrlEntry({ serialNumber, revokedAt, reason: 1, invalidityDate: 300 })
    revoke.run(i + 1, revokedAt, i + 1, entry)
  }
  // By a clock that is set back, more than once, and goes on.
  for (const at of [5000, 1000, 2200, 450, 6000]) {
    const runs = lists.current({ authority: 1, floor: 0, at }, dates.length)
    const entries = [...readCrlEntries(Buffer.concat(runs.map(({ der }) => der)))]
    expect(entries.map(({ serialNumber }) => serialNumber)).toEqual(['40', '41', '42', '43', '44'])
    for (const [i, { revokedAt, reason, invalidityDate }] of entries.entries()) {
      expect({ reason, invalidityDate }).toEqual({ reason: 1, invalidityDate: 300 })
      expect(revokedAt).toBeLessThanOrEqual(Math.min(dates[i]!, at))
    }
  }
})
