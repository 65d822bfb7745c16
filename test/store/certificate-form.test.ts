import { createHash } from 'node:crypto'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { batchRunner } from '../../src/store/batch.ts'
import type { Connection } from '../../src/store/connection.ts'
import { createSchema, migrate } from '../../src/store/migrate.ts'
import { plannedOnce } from '../../src/store/planned-once.ts'
import { auditSql } from '../../src/store/read/audit.ts'
import { certificateQueries } from '../../src/store/read/certificate.ts'
import { searchesOn } from '../../src/store/read/queries.ts'
import { migrateToBefore } from './older-database.ts'
import { audit, authority, issuance, NOW, revocation, serial, sha256 } from './records.ts'

/** As certificates of one profile are: more than half of it the same. */
function der(n: number, kind = 'server'): Buffer {
  const common = createHash('shake256', { outputLength: 400 }).update(kind).digest()
  return Buffer.concat([
    common.subarray(0, 150),
    sha256(`serial ${n}`),
    common.subarray(150),
    Buffer.from(`name ${n}`),
    sha256(`r ${n}`),
  ])
}

function open(): { db: Connection; run: ReturnType<typeof batchRunner> } {
  const db = new Database(':memory:')
  onTestFinished(() => void db.close())
  createSchema(db)
  const run = batchRunner(db)
  run([{ id: 0, kind: 'recordAuthority', input: authority() }])
  return { db, run }
}

const record = (n: number, changes = {}) =>
  ({ id: n, kind: 'recordIssuance', input: issuance(n, { der: der(n), ...changes }) }) as const
const forms = (db: Connection) =>
  db.prepare<[], number>('SELECT count(*) FROM certificate_forms').pluck().get()!
const stored = (db: Connection, n: number) =>
  db
    .prepare<[Buffer], number>('SELECT length(der) FROM certificates WHERE serial = ?')
    .pluck()
    .get(Buffer.from(serial(n), 'hex'))!

async function expectIssued(db: Connection, n: number, expected = der(n)): Promise<void> {
  expect((await certificateQueries(db).certificate(serial(n)))?.der).toEqual(expected)
}

test('certificates that have much in common share it, also with those of before a restart', async () => {
  const { db, run } = open()
  run(Array.from({ length: 20 }, (_, n) => record(n)))
  batchRunner(db)([record(20)])
  expect(forms(db)).toBe(1)
  for (let n = 0; n <= 20; n++) {
    await expectIssued(db, n)
    expect(stored(db, n)).toBeLessThan(130)
  }
})

test('a form whose command was undone is not used, nor the one that gets its number', async () => {
  const { db, run } = open()
  expect(run([record(1, { tokenId: 7 })]).answers[0]).toMatchObject({ error: { code: 'tokenSpent' } })
  expect(forms(db)).toBe(0)
  run([record(2, { profile: 'other', der: der(2, 'other') })])
  run([record(3)])
  await expectIssued(db, 2, der(2, 'other'))
  await expectIssued(db, 3)
  expect(forms(db)).toBe(2)
})

test('certificates of one profile that have nothing in common make few forms, and stand whole after that', async () => {
  const { db, run } = open()
  for (let n = 0; n < 40; n++) run([record(n, { der: der(n, `kind ${n}`) })])
  expect(forms(db)).toBe(16)
  for (let n = 0; n < 40; n++) await expectIssued(db, n, der(n, `kind ${n}`))
  expect(stored(db, 39)).toBe(der(39).length)
})

test('a form is never changed or deleted', () => {
  const { db, run } = open()
  run([record(1)])
  expect(() => db.exec('DELETE FROM certificate_forms')).toThrow(/never deleted/)
  expect(() => db.exec("UPDATE certificate_forms SET der = x''")).toThrow(/never changed/)
})

/** The schema of before forms, with two certificates, one of them revoked, as that program wrote them. */
function ofBefore(): Connection {
  const db = new Database(':memory:')
  onTestFinished(() => void db.close())
  migrateToBefore(db, 'shared-octets')
  db.exec("INSERT INTO words VALUES (1, 'server'), (2, 'certificate.issue')")
  db.exec(
    `INSERT INTO authorities VALUES (1, 'issuing', 'issuing', 'active', 1, x'01', '[]', NULL, NULL, 'sha256', ${NOW})`,
  )
  const certificate = db.prepare(
    `INSERT INTO certificates (serial, authority, profile, not_before, not_after, issued_ms, principal, subject, names, key_hash, der)
     VALUES (?, 1, 1, ?, ?, ?, 'admin:default', '', '[]', x'00', ?)`,
  )
  const row = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     VALUES (?, 2, 'ok', 'admin:default', '', '', ?, '{}')`,
  )
  for (const n of [1, 2]) {
    const octets = Buffer.from(serial(n), 'hex')
    certificate.run(octets, NOW, NOW + 100, NOW * 1000, der(n))
    row.run(NOW * 1000 + n, octets)
  }
  return db
}

test('a database of before forms keeps its rows as they are, and its audit log is one with what comes after', async () => {
  const db = ofBefore()
  migrate(db)
  const run = batchRunner(db)
  run([
    {
      id: 0,
      kind: 'revoke',
      input: revocation(2, { audit: audit('certificate.revoke', serial(2), NOW * 1000 + 5) }),
    },
  ])
  run([record(3)])
  for (const n of [1, 2, 3]) await expectIssued(db, n)
  expect(stored(db, 1)).toBe(der(1).length)
  const { listAudit } = searchesOn(db)
  const { rows, next } = await listAudit({ target: serial(2) }, { limit: 1 })
  expect(rows).toMatchObject([{ action: 'certificate.revoke', target: serial(2) }])
  const rest = await listAudit({ target: serial(2) }, { limit: 1, after: next! })
  expect(rest).toMatchObject({ rows: [{ action: 'certificate.issue', target: serial(2) }], next: null })
  expect((await listAudit({ target: serial(3) }, { limit: 9 })).rows).toMatchObject([{ target: serial(3) }])
})

test('the rows of a certificate are merged from two places of the index, and not sorted', () => {
  const { db } = open()
  const { sql, values } = auditSql({ target: serial(1) }, { limit: 7 }).page()
  const steps = db
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${plannedOnce(sql)}`)
    .all(...values)
  const plan = steps.map(({ detail }) => detail)
  expect(plan.filter((step) => step.startsWith('SEARCH t USING INDEX audit_target (target=?'))).toHaveLength(
    2,
  )
  for (const step of plan) expect(step).not.toMatch(/^SCAN|TEMP B-TREE/)
})
