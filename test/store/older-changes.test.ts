import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openCrlReader } from '../../src/store/crl-entries.ts'
import { openStore } from '../../src/store/open.ts'
import { migrateToBefore } from './older-database.ts'
import { NOW } from './records.ts'
import { temporaryDirectory } from './temporary.ts'

const SCOPE = { authority: 'issuing', partition: null }

/** What the first schema recorded of two certificates that were revoked and one that was not, brought forward by later ones. */
function olderDatabase(): string {
  const file = join(temporaryDirectory(), 'chancery.db')
  const db = new Database(file)
  migrateToBefore(db, 'crl-scopes')
  db.exec(`INSERT INTO words VALUES (1, 'server'), (2, 'certificate.issue'), (3, 'certificate.revoke');
    INSERT INTO authorities (key, id, role, state, is_default, chain, created_at)
      VALUES (1, 'issuing', 'issuing', 'active', 1, '[]', ${NOW})`)
  const certificate = db.prepare(
    `INSERT INTO certificates (id, serial, authority, profile, not_before, not_after, issued_ms, principal, subject, names, key_hash, der)
     VALUES (?, ?, 1, 1, ${NOW}, ${NOW + 100}, 0, 'admin:default', '', '[]', x'00', x'00')`,
  )
  const audit = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     VALUES (0, ?, ?, 'admin:default', '', '', ?, '{}')`,
  )
  const revocation = db.prepare(
    `INSERT INTO revocations (certificate, authority, not_after, revoked_at, reason, entry)
     VALUES (?, 1, ${NOW + 100}, ${NOW}, 1, ?)`,
  )
  for (const id of [1, 2, 3]) {
    const serial = Buffer.of(0x40, id)
    certificate.run(id, serial)
    audit.run(2, 'ok', serial)
    if (id === 3) continue
    revocation.run(id, Buffer.from(`entry ${id}.`))
    audit.run(3, 'ok', serial)
  }
  migrateToBefore(db, 'older-changes')
  db.close()
  return file
}

test('what was revoked before changes had numbers has one of its own, so that its scope is not one without any', async () => {
  const file = olderDatabase()
  const store = await openStore({ file })
  expect(await store.read.latestChange(SCOPE)).toBe(4)
  const reader = openCrlReader(file)
  const { full, delta, through } = reader.entries(SCOPE, {
    at: 2 ** 32,
    full: { notAfterFloor: 0 },
    delta: { since: 2 },
  })
  reader.close()
  const texts = [full, delta].map((entries) => Buffer.concat(entries!.der).toString())
  expect([...texts, through]).toEqual(['entry 1.entry 2.', 'entry 2.', 4])
  await store.close()
})
