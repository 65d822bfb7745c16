import { expect, test } from 'vitest'
import { openCrlReader } from '../../src/store/crl-entries.ts'
import { audit, authority, DAY, issuance, NOW, revocation, serial } from './records.ts'
import { temporaryStore } from './temporary.ts'

const WHOLE = { authority: 'issuing', partition: null }
const PART = { authority: 'issuing', partition: 1 }

const publication = (scope: typeof WHOLE | typeof PART, number: number) => ({
  ...{ ...scope, number, thisUpdate: NOW, through: 7, locations: [] },
  base: { number, thisUpdate: NOW, through: 7 },
  full: { nextUpdate: NOW + DAY, entries: 0, der: Buffer.from('full') },
  delta: { nextUpdate: NOW + DAY, entries: 0, der: Buffer.from('delta') },
})

test('after a leap the next number of every scope of the authority is beyond it, and all CRLs are due anew', async () => {
  const store = await temporaryStore()
  await store.write('recordAuthority', authority({ id: 'other' }))
  await store.write('recordPublication', publication(WHOLE, 100))
  await store.write('recordPublication', publication(PART, 900))
  await store.write('recordPublication', publication({ ...WHOLE, authority: 'other' }, 50))
  await store.write('leapCrlNumbers', { authority: 'issuing', above: 500 })
  for (const scope of [WHOLE, PART]) {
    expect(await store.read.scopeCrls(scope)).toMatchObject({
      full: { number: 900, through: -1, base: { through: -1 } },
      delta: null,
    })
    await expect(store.write('recordPublication', publication(scope, 900))).rejects.toMatchObject({
      code: 'conflict',
    })
    await store.write('recordPublication', publication(scope, 901))
  }
  expect(await store.read.scopeCrls({ ...WHOLE, authority: 'other' })).toMatchObject({
    full: { number: 50, through: 7 },
    delta: { number: 50 },
  })
  await store.write('leapCrlNumbers', { authority: 'issuing', above: 5000 })
  expect(await store.read.scopeCrls(WHOLE)).toMatchObject({ full: { number: 5000 } })
})

test('what is carried over is revoked for OCSP and in each CRL of its authority, and a newer word replaces it', async () => {
  const store = await temporaryStore()
  await store.write('recordIssuance', issuance(1))
  await store.write('revoke', revocation(1, { entry: Buffer.from('one.') }))
  const before = await store.read.latestChange(WHOLE)
  const carry = (reason: number, entry: string) =>
    store.write('carryRevocation', {
      ...revocation(2, { reason, entry: Buffer.from(entry) }),
      authority: 'issuing',
      audit: audit('certificate.revoke', serial(2)),
    })
  await carry(6, 'held.')
  await carry(1, 'two.')
  expect(await store.read.latestChange(WHOLE)).toBe(before + 2)
  expect(await store.read.latestChange(PART)).toBe(before + 2)
  expect(await store.read.certificateStatus('issuing', serial(2))).toMatchObject({
    revocation: { revokedAt: NOW + 2, reason: 1, invalidityDate: null },
  })
  expect(await store.read.certificateStatus('other', serial(2))).toBeNull()
  expect(await store.read.certificate(serial(2))).toBeNull()
  const reader = openCrlReader(store.databaseFile)
  const entries = reader.entries(WHOLE, {
    full: { notAfterFloor: NOW + 1000 * DAY },
    delta: { since: before },
  })
  expect(entries).toMatchObject({
    full: { count: 1, der: [Buffer.from('two.')] },
    delta: { count: 1, der: [Buffer.from('two.')] },
    through: before + 2,
  })
  const part = reader.entries(PART, { full: { notAfterFloor: 0 }, delta: null })
  expect(part.full).toEqual({ count: 1, der: [Buffer.from('two.')] })
  reader.close()
})
