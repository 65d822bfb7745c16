import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { exportAudit, headsIn, verifyExport } from '../../src/ca/audit-chain/export.ts'
import { AuditHeads } from '../../src/ca/audit-chain/heads.ts'
import { signHead } from '../../src/ca/audit-chain/signed-head.ts'
import type { ChainVerdict } from '../../src/ca/audit-chain/verifier.ts'
import { verifyDatabase } from '../../src/ca/audit-chain/verify-database.ts'
import { loadIdentity } from '../../src/ca/kept-identity.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { chainHash } from '../../src/store/chain-hash.ts'
import type { ChainRow } from '../../src/store/queries.ts'
import { openReader } from '../../src/store/reader.ts'
import { DAY, PASSPHRASE, TestCa } from '../api/ca-fixture.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from '../api/new-authority.ts'
import { csrPem } from '../api/requests.ts'

let ca: TestCa
let heads: AuditHeads
const signed: unknown[] = []
beforeAll(async () => {
  ca = await TestCa.create()
  heads = headsOf()
  for (let n = 0; n < 3; n++) await ca.enrol(csrPem([`dns:n${n}.example.test`]))
  ca.now += 3600_000
  await heads.signIfDue()
  await ca.token({ names: { dns: ['a.example.test'] } })
  ca.now += 3600_000
  await heads.signIfDue()
  for (let n = 0; n < 2; n++) await ca.token({ names: { dns: ['a.example.test'] } })
})
afterAll(() => ca.close())

function headsOf(
  of = ca,
  onError: (error: unknown) => void = (error) => {
    throw error
  },
): AuditHeads {
  return new AuditHeads({
    ...of.service,
    directory: of.directory,
    passphrase: PASSPHRASE,
    interval: 3600,
    onSigned: (head) => signed.push(head),
    onError,
  })
}

const roots = () => decodePem(ca.rootPem, 'root').map(({ der }) => der)

/** Of a copy of the database, after somebody who may write it was there. */
async function verdictAfter(change: (db: Database.Database) => void, kept?: string): Promise<ChainVerdict> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-tampered-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'chancery.db')
  const source = new Database(ca.service.store.databaseFile, { readonly: true })
  source.prepare('VACUUM INTO ?').run(file)
  source.close()
  const db = new Database(file)
  for (const name of db
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    .pluck()
    .all())
    db.exec(`DROP TRIGGER ${name}`)
  change(db)
  db.pragma('journal_mode = WAL')
  db.close()
  const reader = openReader(file)
  try {
    return await verifyDatabase(reader, roots(), kept === undefined ? undefined : await headsIn(lines(kept)))
  } finally {
    reader.close()
  }
}

async function* lines(text: string): AsyncGenerator<string> {
  yield* text.split('\n')
}

async function exported(after?: number, of = ca): Promise<string> {
  let text = ''
  for await (const part of exportAudit(of.service.store.read, after)) text += part
  return text
}

/** Another address in a row, and every hash from there on made right again, as somebody can who knows how. */
function rewrite(db: Database.Database, rows: readonly ChainRow[], from: number): void {
  let previous = rows[from - 2]!.hash!
  for (const row of rows.slice(from - 1)) {
    const address = row.id === from ? '10.0.0.1' : row.address
    const hash = chainHash(previous, { ...row, address })
    db.prepare('UPDATE audit SET address = ?, hash = ? WHERE id = ?').run(address, hash, row.id)
    previous = hash.toString('hex')
  }
}

const newest = async () => (await ca.service.store.read.newestAudit())!.id

test('what the service wrote is whole, and its heads are signed under the root', async () => {
  const verdict = await verdictAfter(() => {})
  const last = await newest()
  expect(verdict).toMatchObject({ faults: [], rows: last, newest: last, heads: 2, signedThrough: last - 2 })
  expect(signed).toHaveLength(2)
  // Nothing is signed before the interval is over, and nothing where there is nothing new.
  await heads.signIfDue()
  expect(signed).toHaveLength(2)
  expect(readFileSync(join(ca.directory, 'keys', 'audit-log.pem'), 'utf8')).toMatch(/ENCRYPTED PRIVATE KEY/)
})

describe('is found, and named:', () => {
  test('a row that was altered', async () => {
    const { faults } = await verdictAfter((db) =>
      db.exec("UPDATE audit SET address = '10.0.0.1' WHERE id = 4"),
    )
    expect(faults).toMatchObject([{ row: 4, kind: 'altered' }])
  })

  test('a certificate that an entry is about, or the word for what was done', async () => {
    const serial = await verdictAfter((db) =>
      db.exec("UPDATE certificates SET serial = x'40ab' WHERE id = 2"),
    )
    expect(serial.faults[0]).toMatchObject({ kind: 'altered' })
    const word = await verdictAfter((db) =>
      db.exec("UPDATE words SET text = 'token.reuse' WHERE text = 'token.create'"),
    )
    expect(word.faultCount).toBe(3)
  })

  test('rows that were removed', async () => {
    const { faults } = await verdictAfter((db) => db.exec('DELETE FROM audit WHERE id IN (3, 4)'))
    expect(faults).toMatchObject([{ row: 3, kind: 'missing', detail: 'Rows 3 to 4 are missing.' }])
  })

  test('a removed row, though those behind it were moved up', async () => {
    const { faultCount, faults } = await verdictAfter((db) =>
      db.exec('DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3'),
    )
    expect(faultCount).toBeGreaterThan(1)
    expect(faults[0]).toMatchObject({ row: 3, kind: 'altered' })
  })

  test('a row that was put in', async () => {
    const last = await newest()
    const { faults } = await verdictAfter((db) =>
      db.exec(`INSERT INTO audit (id, at, action, result, actor, address, request_id, target, detail)
        SELECT ${last + 1}, at, action, result, actor, address, request_id, target, detail FROM audit WHERE id = 3`),
    )
    expect(faults).toMatchObject([{ row: last + 1, kind: 'unchained' }])
  })

  test.each(['-1', '0', '-9223372036854775808', '9007199254740993', '9223372036854775807'])(
    'a row that was put in where the service puts none: as number %s',
    async (id) => {
      const { faultCount, faults } = await verdictAfter((db) =>
        db.exec(`INSERT INTO audit (id, at, action, result, actor, address, request_id, target, detail)
          SELECT ${id}, at, action, result, actor, address, request_id, target, detail FROM audit WHERE id = 3`),
      )
      expect(faultCount).toBeGreaterThan(0)
      expect(['order', 'missing']).toContain(faults[0]!.kind)
    },
  )

  test('an actor or a target of a type that the service never writes', async () => {
    const { faults } = await verdictAfter((db) =>
      db.exec('UPDATE audit SET actor = 5 WHERE id = 3; UPDATE audit SET target = 1.5 WHERE id = 5'),
    )
    expect(faults).toMatchObject([
      { row: 3, kind: 'altered' },
      { row: 5, kind: 'altered' },
    ])
  })

  test('two rows that changed places', async () => {
    const { faults } = await verdictAfter((db) =>
      db.exec(
        'UPDATE audit SET id = -3 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = -3',
      ),
    )
    expect(faults.map(({ row }) => row)).toContain(3)
  })

  test('an end that was cut off behind a head', async () => {
    const last = await newest()
    const { faults } = await verdictAfter((db) => db.exec(`DELETE FROM audit WHERE id > ${last - 3}`))
    expect(faults).toMatchObject([{ row: last - 2, kind: 'truncated' }])
  })

  test('what was rewritten with all its hashes, by the heads', async () => {
    const last = await newest()
    const rows = await ca.service.store.read.auditChain(0, 1e9, 1000)
    const { faults } = await verdictAfter((db) => rewrite(db, rows, 4))
    expect(faults.map(({ kind }) => kind)).toEqual(['head', 'head'])
    expect(faults[1]).toMatchObject({ row: last - 2, detail: expect.stringContaining('was rewritten') })
  })

  test('and that the heads went with it, by an export that was kept', async () => {
    const kept = await exported()
    const rows = await ca.service.store.read.auditChain(0, 1e9, 1000)
    const change = (db: Database.Database) => {
      rewrite(db, rows, 4)
      db.exec('DELETE FROM audit_heads')
    }
    expect((await verdictAfter(change)).faults).toEqual([])
    expect((await verdictAfter(change, kept)).faults).toMatchObject([{ kind: 'head' }, { kind: 'head' }])
    expect((await verdictAfter(() => {}, kept)).faults).toEqual([])
  })

  test('a head that somebody else signed, or that was changed', async () => {
    const other = await ca.enrol(csrPem(['dns:other.example.test']))
    for (const [change, words] of [
      [`UPDATE audit_heads SET certificate = x'${other.serialNumber}'`, /not issued for the audit log/],
      ["UPDATE audit_heads SET certificate = x'40'", /is missing/],
      ['UPDATE audit_heads SET signed_at = signed_at + 1', /signature is wrong/],
    ] as const) {
      const { faults } = await verdictAfter((db) => db.exec(change))
      expect(faults).toMatchObject([{ kind: 'head', detail: expect.stringMatching(words) }, { kind: 'head' }])
    }
    const foreign = await TestCa.create()
    const others = decodePem(foreign.rootPem, 'root').map(({ der }) => der)
    await foreign.close()
    const { faults } = await verifyExport(lines(await exported()), others)
    expect(faults).toMatchObject([
      { detail: expect.stringMatching(/does not lead to a root/) },
      { kind: 'head' },
    ])
  })
})

describe('a key that signs when it may not:', () => {
  /** A head of the newest row, by the service's own key. */
  async function headAt(signedAt: number) {
    const identity = (await loadIdentity(join(ca.directory, 'keys', 'audit-log.pem'), PASSPHRASE))!
    const { id: row, hash } = (await ca.service.store.read.newestAudit())!
    const head = { row, hash: hash!, signedAt }
    const { serialNumber } = identity.certificate
    const signature = signHead(head, identity)
    const insert = (db: Database.Database) =>
      db
        .prepare(
          `INSERT INTO audit_heads (audit_row, hash, signed_at, certificate, signature) VALUES (?, ?, ?, ?, ?)`,
        )
        .run(row, Buffer.from(head.hash, 'hex'), signedAt, Buffer.from(serialNumber, 'hex'), signature)
    const shown = { ...head, certificate: serialNumber, signature: signature.toString('base64') }
    return { identity, insert, shown }
  }

  test('before its certificate begins, and after it has ended', async () => {
    const { notBefore, notAfter } = (await headAt(0)).identity.certificate
    for (const [time, isGood] of [
      [notBefore - 1, false],
      [notBefore, true],
      [notAfter, true],
      [notAfter + 1, false],
    ] as const) {
      const { faults } = await verdictAfter((await headAt(time)).insert)
      const wrong = { kind: 'head', detail: expect.stringMatching(/was not valid then/) }
      expect(faults).toMatchObject(isGood ? [] : [wrong])
    }
  })

  test('after its certificate was revoked, also where the head was kept elsewhere', async () => {
    const { identity } = await headAt(0)
    const { serialNumber, notBefore } = identity.certificate
    const at = ca.seconds
    const revoke = (db: Database.Database) =>
      db
        .prepare(
          `INSERT INTO revocations (certificate, authority, not_after, revoked_at, reason, entry)
           SELECT id, authority, not_after, ?, 1, x'3000' FROM certificates WHERE serial = ?`,
        )
        .run(at, Buffer.from(serialNumber, 'hex'))
    const [good, late] = [await headAt(at), await headAt(at + 1)]
    const both = await verdictAfter((db) => {
      good.insert(db)
      late.insert(db)
      revoke(db)
    })
    expect(both.faults).toMatchObject([{ kind: 'head', detail: expect.stringMatching(/had been revoked/) }])
    expect(notBefore).toBeLessThan(at)

    const signedLate = JSON.stringify({
      type: 'head',
      ...late.shown,
      signedAt: new Date((at + 1) * 1000).toISOString(),
    })
    const kept = `${await exported()}${signedLate}\n`
    expect((await verdictAfter(() => {}, kept)).faults).toEqual([])
    expect((await verdictAfter(revoke, kept)).faults).toMatchObject([{ kind: 'head' }])
  })
})

describe('an export', () => {
  test('is JSON lines that prove themselves, as a whole and in parts', async () => {
    const text = await exported()
    const last = await newest()
    const types = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type)
    expect(types[0]).toBe('start')
    expect(types.at(-1)).toBe('end')
    expect(types.filter((type) => type === 'row')).toHaveLength(last)
    expect(types.filter((type) => type === 'certificate')).toHaveLength(1)
    expect(await verifyExport(lines(text), roots())).toMatchObject({ rows: last, heads: 2, faults: [] })
    const part = await verifyExport(lines(await exported(5)), roots())
    expect(part).toMatchObject({ after: 5, rows: last - 5, newest: last, faults: [] })
    const nothing = await verifyExport(lines(await exported(last)), roots())
    expect(nothing).toMatchObject({ rows: 0, faults: [] })
    await expect(exported(last + 1)).rejects.toMatchObject({ code: 'notFound' })
  })

  test('shows what was removed, changed, moved or cut off in it', async () => {
    const all = (await exported()).trimEnd().split('\n')
    const verify = async (changed: readonly string[]) =>
      (await verifyExport(lines(changed.join('\n')), roots())).faults[0]
    expect(await verify(all.toSpliced(3, 1))).toMatchObject({ row: 3, kind: 'missing' })
    expect(await verify(all.with(3, all[3]!.replace('127.0.0.1', '127.0.0.2')))).toBeUndefined()
    const [issued] = [all.findIndex((line) => line.includes('127.0.0.1'))]
    expect(await verify(all.with(issued!, all[issued!]!.replace('127.0.0.1', '127.0.0.2')))).toMatchObject({
      kind: 'altered',
    })
    expect(await verify(all.with(3, all[4]!).with(4, all[3]!))).toMatchObject({ row: 3, kind: 'missing' })
    expect(await verify(all.slice(0, -1))).toMatchObject({ kind: 'truncated' })
    expect(await verify(all.toSpliced(-3, 2))).toMatchObject({ kind: 'truncated' })
    const head = all.findIndex((line) => line.startsWith('{"type":"head"'))
    const timeless = all.with(head, all[head]!.replace(/"signedAt":"[^"]+"/, '"signedAt":"soon"'))
    await expect(verify(timeless)).rejects.toMatchObject({ code: 'malformedRequest' })
    await expect(verify(['{"type":"row"}'])).rejects.toMatchObject({ code: 'malformedRequest' })
    await expect(verify(['nonsense'])).rejects.toMatchObject({ code: 'malformedRequest' })
  })

  test('comes over REST, to auditors too', async () => {
    const { key } = (await ca.call('/v1/admin-keys', { body: { name: 'reader', role: 'auditor' } })).json
    const answer = await ca.call('/v1/audit/export', { as: key })
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('application/jsonl')
    expect(await verifyExport(lines(answer.text), roots())).toMatchObject({ faults: [], heads: 2 })
    expect((await ca.call('/v1/audit/export?after=99999')).status).toBe(404)
    expect((await ca.call('/v1/audit/export?after=x')).status).toBe(400)
  })

  test('HEAD says the same, and reads none of it', async () => {
    const rows = vi.spyOn(ca.service.store.read, 'auditChain')
    onTestFinished(() => rows.mockRestore())
    expect((await ca.call('/v1/audit/export?after=99999', { method: 'HEAD' })).status).toBe(404)
    rows.mockClear()
    const head = await ca.call('/v1/audit/export', { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-type': 'application/jsonl' } })
    expect(head.headers['content-length']).toBeUndefined()
    // What went on behind its answer would have read by then, too.
    expect((await ca.call('/v1/audit/export')).status).toBe(200)
    expect(rows).toHaveBeenCalledOnce()
  })
})

test('the signer’s certificate is renewed in time, and replaced when it is revoked; a restart goes on with the same', async () => {
  const signers = async () =>
    new Set((await ca.service.store.read.auditHeads(0, 1e9)).map(({ certificate }) => certificate))
  const step = async (seconds: number) => {
    await ca.token({ names: { dns: ['a.example.test'] } })
    ca.now += seconds * 1000
    await heads.signIfDue()
  }
  heads = headsOf()
  await step(3600)
  expect((await signers()).size).toBe(1)
  const [first] = await signers()
  expect((await ca.call(`/v1/certificates/${first}/revoke`, { method: 'POST' })).status).toBe(200)
  await step(3600)
  expect((await signers()).size).toBe(2)
  await step(250 * DAY)
  expect((await signers()).size).toBe(3)
  expect((await verdictAfter(() => {})).faults).toEqual([])
  // What the revoked one signed before is good, and the export says since when no more.
  const text = await exported()
  expect(text.match(/"revokedAt":/g)).toHaveLength(1)
  expect((await verifyExport(lines(text), roots())).faults).toEqual([])
  const earlier = text.replace(/"revokedAt":"[^"]+"/, '"revokedAt":"2020-01-01T00:00:00Z"')
  expect((await verifyExport(lines(earlier), roots())).faults[0]).toMatchObject({
    kind: 'head',
    detail: expect.stringMatching(/had been revoked/),
  })
})

/** A CA of its own that has signed one head. */
async function signedOnce() {
  const own = await TestCa.create()
  const heads = headsOf(own)
  await own.token({ names: { dns: ['a.example.test'] } })
  own.now += 3600_000
  await heads.signIfDue()
  return { own, heads }
}

test('while the clock is set back to before the authority no head is signed: it would prove nothing, for ever', async () => {
  const { own, heads } = await signedOnce()
  const before = own.now
  own.now = (own.service.authorities.issuing().certificate.notBefore - DAY) * 1000
  await own.token({ names: { dns: ['b.example.test'] } })
  await heads.signIfDue()
  own.now = before + 3600_000
  await heads.signIfDue()
  const anchors = decodePem(own.rootPem, 'root').map(({ der }) => der)
  const verdict = await verifyExport(lines(await exported(0, own)), anchors)
  expect(verdict).toMatchObject({ faults: [], heads: 2 })
  await own.close()
})

test('once the authority has ended no head is signed, and none is tried for, each time with a row of its own', async () => {
  const { own, heads } = await signedOnce()
  own.now = own.service.authorities.issuing().usableUntil * 1000
  for (let hour = 0; hour < 3; hour++) {
    await own.token({ names: { dns: ['b.example.test'] } })
    own.now += 3600_000
    await heads.signIfDue()
  }
  expect(await own.audit('certificate.refuse')).toEqual([])
  const anchors = decodePem(own.rootPem, 'root').map(({ der }) => der)
  expect(await verifyExport(lines(await exported(0, own)), anchors)).toMatchObject({ faults: [], heads: 1 })
  await own.close()
})

test('where the signer’s key cannot be kept on disk, it signs all the same, and no other is made at each try', async () => {
  const other = await TestCa.create()
  onTestFinished(() => other.close())
  mkdirSync(join(other.directory, 'keys', 'audit-log.pem.new'))
  const faults: unknown[] = []
  const signer = headsOf(other, (error) => faults.push(error))
  for (let hour = 0; hour < 3; hour++) {
    await other.token({ names: { dns: ['a.example.test'] } })
    other.now += 3600_000
    await signer.signIfDue()
  }
  expect(faults).toMatchObject([{ detail: expect.stringContaining('could not be written: EISDIR') }])
  const found = await other.service.store.read.auditHeads(0, 1e9)
  expect(found).toHaveLength(3)
  expect(new Set(found.map(({ certificate }) => certificate)).size).toBe(1)
})

test('heads of before hold when their root has left the bundles, by what the new root signed for it', async () => {
  const other = await TestCa.create()
  onTestFinished(() => other.close())
  const signer = headsOf(other)
  other.now += 3600_000
  await signer.signIfDue()
  const [old, next] = [await ownRoot(other), await secondRoot(other)]
  await installRoots(other, next.certificate, next.crl, await crossed(other, old, next.root))
  await newAuthority(other, 'next', { replaces: 'intermediate', root: next.root })
  const phase = (id: string, body: object) => other.call(`/v1/authorities/${id}/phase`, { body })
  other.now += DAY * 1000
  await phase('next', { phase: 'active' })
  other.now = Date.parse((await other.call('/v1/authorities/intermediate')).json.answersUntil)
  const retired = await phase('root', { phase: 'retired' })
  expect(retired.status, retired.text).toBe(200)
  await signer.signIfDue()
  const now = decodePem(other.rootPem, 'root').map(({ der }) => der)
  expect(now).toEqual([next.root.certificate.der])
  const verdict = await verifyDatabase(other.service.store.read, now)
  expect(verdict.faults).toEqual([])
  expect(verdict.heads).toBe(2)
  expect((await verifyExport(lines(await exported(undefined, other)), now)).faults).toEqual([])
})
