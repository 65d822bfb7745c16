import { verify } from 'node:crypto'
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CrlPublisher, createCrlPublisher } from '../../src/crl/publisher.ts'
import { CaError } from '../../src/errors.ts'
import { encodeCrlEntry } from '../../src/pki/crl/entry.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../eventually.ts'
import { type Leaf, SmallCa } from '../ocsp/small-ca.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { crlOptions } from './published.ts'

/** Long enough for a file, for hashing in slices and for many runs of entries. */
const ENTRIES = 30_000

let ca: SmallCa
let leaves: Leaf[]
let serialNumbers: string[]
const publishers: CrlPublisher[] = []

beforeEach(async () => {
  ca = await SmallCa.create()
  leaves = [await ca.issue(), await ca.issue()]
  serialNumbers = addRevoked()
})
afterEach(async () => {
  for (const publisher of publishers.splice(0)) await publisher.stop()
  await ca.close()
})

/** Rows as the writer makes them, many at once. */
function addRevoked(): string[] {
  const db = new Database(ca.store.databaseFile)
  const certificate = db.prepare(
    `INSERT INTO certificates (serial, authority, profile, not_before, not_after, issued_ms, principal, subject, names, key_hash, der)
     SELECT ?, authority, profile, not_before, not_after, issued_ms, principal, subject, names, key_hash, der
     FROM certificates LIMIT 1`,
  )
  const revocation = db.prepare(
    `INSERT INTO revocations (certificate, authority, not_after, revoked_at, reason, change, entry)
     SELECT id, authority, not_after, ?, 1, 1, ? FROM certificates WHERE id = ?`,
  )
  const added: string[] = []
  db.transaction(() => {
    for (let i = 0; i < ENTRIES; i++) {
      const serialNumber = `7f${i.toString(16).padStart(38, '0')}`
      const { lastInsertRowid } = certificate.run(Buffer.from(serialNumber, 'hex'))
      const entry = encodeCrlEntry({ serialNumber, revokedAt: ca.seconds, reason: 1, invalidityDate: null })
      revocation.run(ca.seconds, entry, lastInsertRowid)
      added.push(serialNumber)
    }
  })()
  db.close()
  return added
}

async function started(
  onError: (error: unknown) => void = (error) => {
    throw error
  },
  store: Store = ca.store,
): Promise<CrlPublisher> {
  const { authorities, clock } = ca
  const publisher = createCrlPublisher({
    ...{ authorities, store, clock, coalesce: 0 },
    options: () => crlOptions(),
    urls: () => null,
    onError: (_authority, error) => onError(error),
  })
  publishers.push(publisher)
  await publisher.start()
  return publisher
}

const files = () => join(dirname(ca.store.databaseFile), 'crls')
const der = (publisher: CrlPublisher) => publisher.current('issuing')!.der

/** Not by the library, which reads no list as long as this. */
function listed(publisher: CrlPublisher): string[] {
  const { tbs, signature, entries } = parseCrl(der(publisher))
  const { signer } = ca.issuing
  expect(verify(signer!.algorithm.hash, tbs, signer!.publicKey, signature)).toBe(true)
  return [...readCrlEntries(entries, 'badCrl')].map(({ serialNumber }) => serialNumber)
}

test('a long list follows revocations and releases, and verifies', { timeout: 120_000 }, async () => {
  const publisher = await started()
  expect(der(publisher).length).toBeGreaterThan(1024 * 1024)
  expect(listed(publisher)).toEqual(serialNumbers)
  const [held, other] = leaves as [Leaf, Leaf]
  await ca.revoke(held, 6)
  await publisher.publish('issuing')
  expect(new Set(listed(publisher))).toEqual(new Set([...serialNumbers, held.serialNumber]))
  await ca.release(held)
  await ca.revoke(other, 4)
  await publisher.publish('issuing')
  expect(new Set(listed(publisher))).toEqual(new Set([...serialNumbers, other.serialNumber]))
})

test.skipIf(toolIsMissing('openssl'))('openssl reads a long list', { timeout: 120_000 }, async () => {
  const crl = (await started()).current('issuing')!
  const args = ['crl', '-inform', 'DER', '-in', 'list.crl', '-noout', '-crlnumber']
  const printed = runTool('openssl', args, { 'list.crl': crl.der })
  expect(Number(printed.trim().replace('crlNumber=', ''))).toBe(crl.number)
})

test('after an orderly end the same long list is served again', { timeout: 120_000 }, async () => {
  const first = await started()
  await first.stop()
  expect(readdirSync(files())).toHaveLength(1)
  const second = await started()
  expect(der(second).equals(der(first))).toBe(true)
})

test('a long list that was lost in a crash is made anew, with a higher number', {
  timeout: 120_000,
}, async () => {
  const first = await started()
  const { number } = first.current('issuing')!
  await first.stop()
  rmSync(files(), { recursive: true })
  const second = await started()
  expect(second.current('issuing')!.number).toBeGreaterThan(number)
  expect(listed(second)).toEqual(serialNumbers)
  await second.stop()
  expect(existsSync(files())).toBe(true)
})

test('a long list that cannot be kept is served all the same, is told of, and is written again a minute later', {
  timeout: 120_000,
}, async () => {
  // A file where the directory should be.
  writeFileSync(files(), '')
  const failures: unknown[] = []
  const publisher = await started((error) => failures.push(error))
  const { number } = publisher.current('issuing')!
  const health = () => publisher.health().find(({ authority }) => authority === 'issuing')!
  await eventually(() => expect(health().reason).toMatch(/could not be kept in .*ENOTDIR/))
  expect(health()).toMatchObject({ ok: true, number })
  ca.now += 60_000
  await eventually(() => expect(failures.length).toBeGreaterThan(1))
  expect(failures[1]).toMatchObject({ code: 'storeFailed' })
  rmSync(files())
  ca.now += 60_000
  await eventually(() => expect(health().reason).not.toContain('could not be kept'))
  expect(publisher.current('issuing')!.number).toBe(number)
  const second = await started()
  expect(der(second).equals(der(publisher))).toBe(true)
})

test('a file that is not whole is told of, and the list is made anew with a higher number', {
  timeout: 120_000,
}, async () => {
  const first = await started()
  const { number } = first.current('issuing')!
  await first.stop()
  const [name] = readdirSync(files())
  truncateSync(join(files(), name!), 1000)
  const failures: unknown[] = []
  const second = await started((error) => failures.push(error))
  expect(failures).toMatchObject([{ code: 'storeFailed' }])
  expect(second.current('issuing')!.number).toBeGreaterThan(number)
  expect(listed(second)).toEqual(serialNumbers)
})

test('a long list that may or may not be on record, and is, does not keep the next ones from being made', {
  timeout: 120_000,
}, async () => {
  let isInDoubt = false
  const write: Store['write'] = async (kind, input) => {
    const made = await ca.store.write(kind, input)
    if (!isInDoubt || kind !== 'recordPublication') return made
    isInDoubt = false
    throw new CaError('storeFailed', 'This may or may not be on record.')
  }
  const failures: unknown[] = []
  const store: Store = { ...ca.store, write }
  const publisher = await started((error) => failures.push(error), store)
  const { number } = publisher.current('issuing')!
  isInDoubt = true
  // In the same second, as after a restore: the number is the one before and one more, and not the time.
  await expect(publisher.publish('issuing')).rejects.toMatchObject({ code: 'storeFailed' })
  // What the store asks for when it takes writes again.
  await publisher.start()
  expect(publisher.current('issuing')!.number).toBe(number + 2)
  expect(publisher.health().find(({ authority }) => authority === 'issuing')).toMatchObject({ ok: true })
  expect((await publisher.publish('issuing')).number).toBe(number + 3)
  expect(failures).toHaveLength(1)
})
