import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { generateDirectory } from '../../bench/generate/directory.ts'
import { dataFiles } from '../../src/config/data-directory.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { openStore } from '../../src/store/open.ts'

test('a database that was generated is one that the service could have written', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-generated-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  await generateDirectory(directory, { rows: 1500, seeds: 120, years: 1 })
  const file = dataFiles(directory).database

  const db = new Database(file, { readonly: true })
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(db.pragma('foreign_key_check')).toEqual([])
  const count = (sql: string) => db.prepare<[], number>(`SELECT count(*) FROM ${sql}`).pluck().get()!
  expect(count('certificates')).toBe(1500)
  // The service's own certificate came without a request.
  expect(
    count(
      "audit WHERE typeof(target) = 'integer' AND action IN (SELECT key FROM words WHERE text IN ('certificate.issue', 'certificate.renew'))",
    ),
  ).toBe(1500)
  expect(count('certificates c JOIN tokens t ON t.spent_on = c.serial')).toBe(count('tokens'))
  expect(count('certificates WHERE replaces IS NOT NULL')).toBeGreaterThan(50)
  expect(count('certificates c JOIN certificates o ON o.id = c.replaces WHERE o.names <> c.names')).toBe(0)
  expect(count('revocations')).toBeGreaterThan(50)
  const serials = db.prepare<[], Buffer>('SELECT serial FROM certificates WHERE id % 50 = 0').pluck().all()
  db.close()

  const store = await openStore({ file })
  onTestFinished(() => store.close())
  for (const serial of serials) {
    const row = (await store.read.certificate(serial.toString('hex')))!
    const info = parseCertificate(row.der)
    expect(info).toMatchObject({
      serialNumber: row.serialNumber,
      notBefore: row.notBefore,
      notAfter: row.notAfter,
    })
    for (const { value } of row.names) expect(row.der.includes(value)).toBe(true)
    const { rows } = await store.read.searchCertificates({ name: row.names[0]!.value, now: 0 }, { limit: 9 })
    expect(rows.map(({ serialNumber }) => serialNumber)).toContain(row.serialNumber)
  }
})
