import { createHash } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { batchRunner } from '../../src/store/batch.ts'
import { CHAIN_START } from '../../src/store/chain-hash.ts'
import { openForWriting } from '../../src/store/connection.ts'
import { migrate } from '../../src/store/migrate.ts'
import { openStore } from '../../src/store/open.ts'
import type { ChainRow } from '../../src/store/queries.ts'
import { migrateToBefore } from './older-database.ts'
import { audit, issuance, NOW } from './records.ts'
import { issueMany, temporaryDatabase, temporaryDirectory, temporaryStore } from './temporary.ts'

/** By the words of the documents, and none of our code. */
function expectChain(rows: readonly ChainRow[]): void {
  let previous = CHAIN_START
  for (const [index, row] of rows.entries()) {
    expect(row.id).toBe(index + 1)
    const { id, at, actor, address, requestId, action, target, result, detail } = row
    const text = JSON.stringify([
      ...[previous, id, at, actor, address, requestId, action, target, result],
      JSON.parse(detail),
    ])
    expect(row.hash).toBe(createHash('sha256').update(text, 'utf8').digest('hex'))
    previous = row.hash!
  }
}

test('each row of the audit log has the hash of the row before and of itself', async () => {
  const store = await temporaryStore()
  await issueMany(store, 3)
  await store.write('audit', audit('certificate.refuse', '40ab'))
  const odd = {
    ...audit('token.create', 'half \ud83d, "quoted", \u0000 and ü'),
    detail: { a: [1.5, '\ud83d', null] },
  }
  await store.write('audit', odd)
  const rows = await store.read.auditChain(0, 1e9, 100)
  expect(rows.length).toBeGreaterThanOrEqual(6)
  expectChain(rows)
  // Half a character, in whatever a caller chose, has no UTF-8 over which others could make the hash.
  expect(rows.at(-1)).toMatchObject({
    target: 'half \ufffd, "quoted", \u0000 and ü',
    detail: '{"a":[1.5,"\ufffd",null]}',
  })
  expect(rows.map(({ target }) => target)).toContain(issuance(0).serialNumber)
  expect(await store.read.newestAudit()).toEqual({ id: rows.length, hash: rows.at(-1)!.hash })
  expect(await store.read.auditChain(2, 4, 100)).toEqual(rows.slice(2, 4))
})

test('a command that is undone leaves no gap, neither in its batch nor after it', async () => {
  const store = await temporaryStore()
  await issueMany(store, 1)
  const record = issuance(1)
  const outcomes = await Promise.allSettled([
    store.write('audit', audit('token.create', '1')),
    // Its audit row is written last, after what is refused here; the second is refused for its serial number.
    store.write('recordIssuance', record),
    store.write('recordIssuance', { ...record, names: [] }),
    store.write('recordIssuance', { ...issuance(2), tokenId: 99 }),
    store.write('audit', audit('token.create', '2')),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...['fulfilled', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
  ])
  await store.write('audit', audit('token.create', '3'))
  expectChain(await store.read.auditChain(0, 1e9, 100))
})

test('a batch that fails as a whole is not remembered', () => {
  const db = openForWriting(temporaryDatabase())
  const run = batchRunner(db)
  const write = (id: number) => run([{ id, kind: 'audit', input: audit('token.create', String(id)) }])
  write(1)
  db.exec(`CREATE TEMP TRIGGER full BEFORE INSERT ON main.words WHEN NEW.text = 'fails'
    BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END`)
  const bad = { id: 3, kind: 'audit' as const, input: audit('fails', 'x') }
  expect(() => run([{ id: 2, kind: 'audit', input: audit('token.create', '2') }, bad])).toThrow()
  write(4)
  const ids = db.prepare('SELECT id FROM audit').pluck().all()
  expect(ids).toEqual([1, 2])
  db.close()
})

test('rows of before are chained when the database is brought forward, and new ones behind them', async () => {
  const file = join(temporaryDirectory(), 'chancery.db')
  const old = new Database(file)
  migrateToBefore(old, 'audit-chain')
  old.exec("INSERT INTO words VALUES (1, 'token.create')")
  const row = old.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     VALUES (?, 1, 'ok', 'admin:default', '', '', ?, ?)`,
  )
  for (let n = 0; n < 5; n++) row.run(NOW * 1000 + n, `${n}`, JSON.stringify({ n }))
  old.close()
  const db = openForWriting(file)
  migrate(db)
  db.close()
  const again = await openStore({ file })
  await again.write('audit', audit('token.create', 'new'))
  const rows = await again.read.auditChain(0, 1e9, 100)
  expect(rows).toHaveLength(6)
  expectChain(rows)
  await again.close()
  const after = new Database(file)
  expect(after.prepare('SELECT count(*) FROM audit WHERE hash IS NULL').pluck().get()).toBe(5)
  for (const sql of ['UPDATE audit_older_hashes SET hash = zeroblob(32)', 'DELETE FROM audit_older_hashes'])
    expect(() => after.exec(sql)).toThrow(/never/)
  after.close()
})
