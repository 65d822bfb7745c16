import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { batchRunner } from '../../src/store/batch.ts'
import { openForWriting } from '../../src/store/connection.ts'
import type { ReadyCommand } from '../../src/store/writer-messages.ts'
import { authority, issuance, NOW, recorded, revocation, serial } from './records.ts'
import { temporaryDatabase, temporaryStore } from './temporary.ts'

describe('a batch', () => {
  test('keeps what succeeds when a command between fails, and answers in order', () => {
    const db = openForWriting(temporaryDatabase())
    const commands: ReadyCommand[] = [
      { id: 1, kind: 'recordAuthority', input: authority() },
      { id: 2, kind: 'recordIssuance', input: issuance(1) },
      // Fails after its first writes: the names and audit row of certificate 1 must stay, its own must go.
      {
        id: 3,
        kind: 'recordIssuance',
        input: issuance(2, { names: [{ type: 'dns', value: null as never }] }),
      },
      { id: 4, kind: 'revoke', input: revocation(9) },
      { id: 5, kind: 'revoke', input: revocation(1) },
    ]
    expect(batchRunner(db)(commands).answers).toMatchObject([
      { id: 1, output: {} },
      { id: 2, output: { outcome: 'recorded' } },
      { id: 3, error: { code: 'internal' } },
      { id: 4, error: { code: 'notFound' } },
      { id: 5, output: { changed: true } },
    ])
    const count = (table: string) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()
    expect([count('certificates'), count('certificate_names'), count('revocations'), count('audit')]).toEqual(
      [1, 1, 1, 3],
    )
    db.close()
  })

  test('does so again and again, and the batches between are whole', () => {
    const db = openForWriting(temporaryDatabase())
    const run = batchRunner(db)
    run([{ id: 0, kind: 'recordAuthority', input: authority() }])
    for (let n = 0; n < 60; n += 2) {
      const good = (id: number): ReadyCommand => ({ id, kind: 'recordIssuance', input: issuance(id) })
      const bad: ReadyCommand = { id: -1, kind: 'revoke', input: revocation(9999) }
      const commands = n % 20 === 0 ? [good(n), bad, good(n + 1)] : [good(n), good(n + 1)]
      expect(run(commands).answers.map((one) => 'error' in one)).toEqual(commands.map(({ id }) => id < 0))
    }
    expect(db.prepare('SELECT count(*) FROM certificates').pluck().get()).toBe(60)
    db.close()
  })

  test('fails whole when the disk is full', () => {
    const db = openForWriting(temporaryDatabase())
    const run = batchRunner(db)
    run([{ id: 1, kind: 'recordAuthority', input: authority() }])
    // SQLite's own ceiling on the file: the same SQLITE_FULL that a full disk gives.
    db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true })) + 5}`)
    const small: ReadyCommand = { id: 2, kind: 'recordIssuance', input: issuance(1) }
    const large: ReadyCommand = {
      id: 3,
      kind: 'recordIssuance',
      input: issuance(2, { der: Buffer.alloc(200_000) }),
    }
    expect(() => run([small, large])).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }))
    expect(db.inTransaction).toBe(false)
    expect(db.prepare('SELECT count(*) FROM certificates').pluck().get()).toBe(0)
    db.close()
  })
})

test('certificates and audit rows can be neither changed nor removed', async () => {
  const store = await temporaryStore()
  await store.write('recordIssuance', issuance(1))
  const db = new Database(store.databaseFile)
  for (const sql of [
    'DELETE FROM certificates',
    'UPDATE certificates SET not_after = 0',
    'DELETE FROM audit',
    "UPDATE audit SET actor = ''",
  ]) {
    expect(() => db.exec(sql)).toThrow(/never/)
  }
  db.close()
})

test('a thousand writes at once are each recorded once', async () => {
  const store = await temporaryStore()
  const writes = Array.from({ length: 1000 }, (_, n) => store.write('recordIssuance', issuance(n)))
  const outcomes = await Promise.all(writes)
  expect(outcomes.every(({ outcome }) => outcome === 'recorded')).toBe(true)
  expect(await store.read.countCertificates({ now: NOW }, 2000)).toBe(1000)
  for (const n of [0, 499, 999]) expect(await store.read.certificate(serial(n))).not.toBeNull()
})

test('commands of one turn are carried out in their order', async () => {
  const store = await temporaryStore()
  const issued = store.write('recordIssuance', issuance(1))
  const revoked = store.write('revoke', revocation(1))
  const renewed = store.write('recordIssuance', issuance(2, { replaces: serial(1) }))
  await expect(renewed).rejects.toMatchObject({ code: 'certificateRevoked' })
  expect(await issued).toEqual(recorded(1))
  expect(await revoked).toMatchObject({ changed: true })
})
