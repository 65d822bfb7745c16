import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeNextRootCrl, type NextRootCrlWish } from '../../../src/ca/hierarchy/next-root-crl.ts'
import type { OpenRoot } from '../../../src/ca/hierarchy/root.ts'
import { parseCrl } from '../../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../../src/pki/crl/parse-entry.ts'
import { integer } from '../../../src/pki/der/write.ts'
import { readCrl } from '../../crl/published.ts'
import { SmallCa } from '../../ocsp/small-ca.ts'
import { type CrlChanges, crlToBring } from './crl-to-bring.ts'

const DAY = 86_400

let ca: SmallCa
let root: OpenRoot
beforeAll(async () => {
  ca = await SmallCa.create()
  root = { id: 'root', certificate: ca.root.certificate, signer: ca.rootSigner }
})
afterAll(() => ca.close())

const next = (wish: Partial<NextRootCrlWish>) =>
  makeNextRootCrl(root, { previous: null, revoke: [], validity: 90 * DAY, ...wish }, ca.clock())
const following = async (changes: CrlChanges, wish: Partial<NextRootCrlWish> = {}) =>
  next({ previous: await crlToBring(ca, changes), ...wish })
const listed = (der: Buffer) =>
  [...readCrlEntries(parseCrl(der).entries)].map(({ serialNumber, reason }) => [serialNumber, reason])

test('the first lists what is revoked now, and has number 1', async () => {
  const made = await next({ revoke: [{ serialNumber: '40ab', reason: 2 }] })
  expect(made).toMatchObject({
    number: 1,
    thisUpdate: ca.seconds,
    nextUpdate: ca.seconds + 90 * DAY,
    entries: 1,
  })
  expect(readCrl(made.der, ca.root)).toMatchObject({ number: 1, nextUpdate: made.nextUpdate, critical: 0 })
  expect(listed(made.der)).toEqual([['40ab', 2]])
})

test('the next keeps every entry byte for byte', async () => {
  const facts = [
    { serialNumber: '41', reason: 1, revokedAt: 1_000_000_000, invalidityDate: 900_000_000 },
    { serialNumber: '42', reason: 6 },
  ]
  const previous = await crlToBring(ca, { number: 41, revoked: facts })
  const made = await next({ previous, revoke: [{ serialNumber: '43', reason: 5 }] })
  expect(made).toMatchObject({ number: 42, entries: 3 })
  const { entries } = parseCrl(previous)
  expect(parseCrl(made.der).entries.subarray(0, entries.length)).toEqual(entries)
  expect(listed(made.der)).toEqual([
    ['41', 1],
    ['42', 6],
    ['43', 5],
  ])
})

test('a hold becomes final, and what is final is not revoked twice', async () => {
  const revoked = [{ serialNumber: '41', reason: 6 }, { serialNumber: '42' }]
  const made = await following({ revoked }, { revoke: [{ serialNumber: '41', reason: 1 }] })
  expect(listed(made.der)).toEqual([
    ['42', 0],
    ['41', 1],
  ])
  await expect(following({ revoked }, { revoke: [{ serialNumber: '42', reason: 1 }] })).rejects.toMatchObject(
    {
      code: 'conflict',
      detail: expect.stringContaining('42 is revoked already'),
    },
  )
})

test('its life ends with the root’s', async () => {
  const { notAfter } = ca.root.certificate
  expect((await next({ validity: 100_000 * DAY })).nextUpdate).toBe(notAfter)
  const expired = makeNextRootCrl(
    root,
    { previous: null, revoke: [], validity: DAY },
    new Date(notAfter * 1000),
  )
  await expect(expired).rejects.toMatchObject({ code: 'conflict' })
})

describe('a previous CRL', () => {
  test('may have expired', async () => {
    const made = await following({
      thisUpdate: ca.seconds - 9 * DAY,
      nextUpdate: ca.seconds - DAY,
      number: 3,
    })
    expect(made.number).toBe(4)
  })

  test.each<[string, CrlChanges | (() => CrlChanges), RegExp]>([
    ['of another key', () => ({ signer: ca.issuing.signer! }), /does not verify/],
    ['that is a delta', { extra: [{ oid: '2.5.29.27', critical: true, value: integer(1) }] }, /delta/],
    ['without a number', { number: null }, /cRLNumber/],
    ['with the largest number', { number: Buffer.from('1fffffffffffff', 'hex') }, /no number above/],
    ['from the future', () => ({ thisUpdate: ca.seconds + 1 }), /set the clock/],
  ])('%s is refused', async (_what, changes, detail) => {
    await expect(following(typeof changes === 'function' ? changes() : changes)).rejects.toMatchObject({
      detail: expect.stringMatching(detail),
    })
  })
})
