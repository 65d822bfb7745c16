import { describe, expect, test } from 'vitest'
import { openCrlReader } from '../../src/store/crl-entries.ts'
import { audit, authority, DAY, issuance, NOW, revocation, serial } from './records.ts'
import { issueMany, temporaryStore } from './temporary.ts'

const HOLD = 6

const ALL = { authority: 'issuing', partition: null }
const since = (notAfterFloor: number) => ({ at: NOW + 100 * DAY, full: { notAfterFloor }, delta: null })
const releaseOf = (n: number) => ({
  serialNumber: serial(n),
  entry: Buffer.from(`release ${n}.`),
  audit: audit('certificate.release', serial(n)),
})

describe('revoke', () => {
  test('is seen at once by the inventory and by OCSP', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    const notAfter = NOW + 90 * DAY
    expect(await store.read.certificateStatus('issuing', serial(1))).toEqual({ notAfter, revocation: null })
    const facts = { revokedAt: NOW + 1, reason: 1, invalidityDate: NOW - 50 }
    const outcome = await store.write('revoke', revocation(1, { invalidityDate: NOW - 50 }))
    expect(outcome).toEqual({ changed: true, authority: 'issuing', partition: null, revocation: facts })
    expect(await store.read.certificateStatus('issuing', serial(1))).toEqual({ notAfter, revocation: facts })
    expect(await store.read.certificate(serial(1))).toMatchObject({ revocation: facts })
  })

  test('done twice gives the first facts', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    await store.write('revoke', revocation(1))
    const again = await store.write('revoke', revocation(1, { reason: 4, revokedAt: NOW + 500 }))
    const first = { revokedAt: NOW + 1, reason: 1, invalidityDate: null }
    expect(again).toEqual({ changed: false, authority: 'issuing', partition: null, revocation: first })
    expect((await store.read.listAudit({ action: 'certificate.revoke' }, { limit: 9 })).rows).toHaveLength(1)
  })

  test('makes a hold permanent with the new facts, and not the other way round', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    await store.write('revoke', revocation(1, { reason: HOLD }))
    expect(await store.write('revoke', revocation(1, { reason: HOLD, revokedAt: NOW + 7 }))).toMatchObject({
      changed: false,
    })
    const hardened = revocation(1, { reason: 1, revokedAt: NOW + 9, entry: Buffer.from('permanent') })
    const facts = { revokedAt: NOW + 9, reason: 1, invalidityDate: null }
    expect(await store.write('revoke', hardened)).toEqual({
      changed: true,
      authority: 'issuing',
      partition: null,
      revocation: facts,
    })
    expect(await store.write('revoke', revocation(1, { reason: HOLD }))).toMatchObject({
      changed: false,
      revocation: facts,
    })
    const reader = openCrlReader(store.databaseFile)
    expect(reader.entries(ALL, since(NOW)).full).toEqual({ count: 1, der: [Buffer.from('permanent')] })
    reader.close()
  })

  test('of an unknown certificate is refused', async () => {
    const store = await temporaryStore()
    await expect(store.write('revoke', revocation(1))).rejects.toMatchObject({ code: 'notFound' })
  })
})

describe('release', () => {
  test('takes a hold away, and leaves it in the audit log', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    await store.write('revoke', revocation(1, { reason: HOLD }))
    const release = releaseOf(1)
    expect(await store.write('release', release)).toEqual({
      changed: true,
      authority: 'issuing',
      partition: null,
      revocation: null,
    })
    expect(await store.read.certificateStatus('issuing', serial(1))).toMatchObject({ revocation: null })
    const { rows } = await store.read.listAudit({ target: serial(1) }, { limit: 9 })
    expect(rows.map(({ action }) => action)).toEqual([
      'certificate.release',
      'certificate.revoke',
      'certificate.issue',
    ])
    await expect(store.write('release', release)).rejects.toMatchObject({ code: 'notOnHold' })
  })

  test('is refused for what is revoked for good, and for the unknown', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    await store.write('revoke', revocation(1))
    const release = releaseOf(1)
    await expect(store.write('release', release)).rejects.toMatchObject({ code: 'notOnHold' })
    await expect(store.write('release', { ...release, serialNumber: serial(2) })).rejects.toMatchObject({
      code: 'notFound',
    })
  })
})

test('a status is given only under the authority that issued', async () => {
  const store = await temporaryStore()
  await store.write('recordAuthority', authority({ id: 'other' }))
  await store.write('recordIssuance', issuance(1))
  expect(await store.read.certificateStatus('other', serial(1))).toBeNull()
  expect(await store.read.certificateStatus('issuing', serial(2))).toBeNull()
  expect(await store.read.certificateStatus('issuing', `${serial(1)}f`)).toBeNull()
})

describe('CRL entries', () => {
  test('are those of one authority that the floor leaves, in the order of issuance', async () => {
    const store = await temporaryStore()
    await store.write('recordAuthority', authority({ id: 'other' }))
    await issueMany(store, 6, (n) => ({ authority: n === 5 ? 'other' : 'issuing', notAfter: NOW + n * DAY }))
    for (const n of [4, 1, 5, 3, 2]) await store.write('revoke', revocation(n))
    const reader = openCrlReader(store.databaseFile)
    expect(reader.entries(ALL, since(NOW + 2 * DAY)).full).toEqual({
      count: 3,
      der: [Buffer.from('entry 2.entry 3.entry 4.')],
    })
    expect(reader.entries({ ...ALL, authority: 'other' }, since(NOW)).full).toEqual({
      count: 1,
      der: [Buffer.from('entry 5.')],
    })
    expect(reader.entries({ ...ALL, authority: 'nobody' }, since(NOW)).full).toEqual({
      count: 0,
      der: [],
    })
    await store.write('revoke', revocation(0))
    expect(reader.entries(ALL, since(NOW)).full!.count).toBe(5)
    reader.close()
  })

  test('come whole where they are long', async () => {
    const store = await temporaryStore()
    const entryOf = (n: number) => Buffer.alloc(30_000, n)
    await issueMany(store, 12)
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => store.write('revoke', revocation(n, { entry: entryOf(n) }))),
    )
    const reader = openCrlReader(store.databaseFile)
    const { count, der } = reader.entries(ALL, since(0)).full!
    reader.close()
    expect(count).toBe(12)
    expect(Buffer.concat(der).equals(Buffer.concat(Array.from({ length: 12 }, (_, n) => entryOf(n))))).toBe(
      true,
    )
  })
})
