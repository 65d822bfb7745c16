import { expect, test } from 'vitest'
import { openCrlReader } from '../../src/store/crl-entries.ts'
import { audit, authority, DAY, issuance, NOW, revocation, serial, sha256, token } from './records.ts'
import { temporaryStore } from './temporary.ts'

const WHOLE = { authority: 'issuing', partition: null }
const PART = { authority: 'issuing', partition: 1 }

const publication = (scope: typeof WHOLE | typeof PART, number: number) => ({
  ...{ ...scope, number, thisUpdate: NOW, through: 7, locations: [] },
  base: { number, thisUpdate: NOW, through: 7 },
  full: { nextUpdate: NOW + DAY, entries: 0, der: Buffer.from('full') },
  delta: { nextUpdate: NOW + DAY, entries: 0, der: Buffer.from('delta') },
})

test('after a leap the next number of every scope is as far beyond the highest of all of them, and all CRLs are due anew', async () => {
  const store = await temporaryStore()
  await store.write('recordAuthority', authority({ id: 'other' }))
  await store.write('recordPublication', publication(WHOLE, 100))
  await store.write('recordPublication', publication(PART, 900))
  await store.write('recordPublication', publication({ ...WHOLE, authority: 'other' }, 50))
  await store.write('leapCrlNumbers', { authority: 'issuing', from: 500, by: 50 })
  for (const scope of [WHOLE, PART]) {
    expect(await store.read.scopeCrls(scope)).toMatchObject({
      full: { number: 950, through: -1, base: { through: -1 } },
      delta: null,
    })
    await expect(store.write('recordPublication', publication(scope, 950))).rejects.toMatchObject({
      code: 'conflict',
    })
    await store.write('recordPublication', publication(scope, 951))
  }
  expect(await store.read.scopeCrls({ ...WHOLE, authority: 'other' })).toMatchObject({
    full: { number: 50, through: 7 },
    delta: { number: 50 },
  })
  await store.write('leapCrlNumbers', { authority: 'issuing', from: 5000, by: 50 })
  expect(await store.read.scopeCrls(WHOLE)).toMatchObject({ full: { number: 5050 } })
})

test('after a leap no number that can have been given is given again', async () => {
  const store = await temporaryStore()
  let made = 0
  const account = () =>
    store.write('createAcmeAccount', {
      ...{
        thumbprint: Buffer.alloc(32, ++made),
        jwk: '{}',
        contacts: [],
        termsAgreedAt: null,
        external: null,
      },
      ...{ createdAt: NOW, createdFrom: '', audit: audit('account.create') },
    })
  const authorization = { identifier: 'dns:a.example.test', wildcard: false, subdomains: false }
  const { accountId } = await account()
  const order = () =>
    store.write('createAcmeOrder', {
      ...{ accountId, createdAt: NOW, expiresAt: NOW + DAY, identifiers: ['dns:a.example.test'] },
      ...{ profile: 'server', profileAsked: false, notBefore: null, notAfter: null, replaces: null },
      reuseUntil: NOW,
      reuseProvenBy: [],
      authorizations: [
        {
          reuse: [],
          create: { ...authorization, expiresAt: NOW + DAY, challenges: [{ type: 'dns-01', token: 'x' }] },
        },
      ],
    })
  const enrolment = () => store.write('createToken', token(`secret ${++made}`))
  const adminKey = () => {
    const name = `key ${++made}`
    const facts = {
      name,
      role: 'operator',
      hash: sha256(name),
      createdAt: NOW,
      createdBy: 'system:cli',
    } as const
    return store.write('createAdminKey', { ...facts, audit: audit('admin-key.create', name) })
  }
  const numbers = async () => {
    const ordered = await order()
    if (ordered.outcome !== 'created') throw new Error('no order was made')
    const [authorizationId] = ordered.authorizations
    const { challenges } = (await store.read.acmeAuthorization(authorizationId!))!
    return [
      ...[(await account()).accountId, (await enrolment()).tokenId, ordered.orderId, authorizationId!],
      ...[challenges[0]!.challengeId, (await adminKey()).id],
    ]
  }
  const before = await numbers()
  await store.write('leapNumbers', { by: 4_000_000_000 })
  const after = await numbers()
  for (const [at, number] of after.entries()) expect(number).toBeGreaterThan(before[at]! + 4_000_000_000)
  expect(await numbers()).toEqual(after.map((number) => number + 1))
  // Of a backup of what was restored.
  await store.write('leapNumbers', { by: 10 })
  await store.write('leapNumbers', { by: 10 })
  for (const [at, number] of (await numbers()).entries()) expect(number).toBeGreaterThan(after[at]! + 20)
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
    at: NOW + 2,
    full: { notAfterFloor: NOW + 1000 * DAY },
    delta: { since: before },
  })
  expect(entries).toMatchObject({
    full: { count: 1, der: [Buffer.from('two.')] },
    delta: { count: 1, der: [Buffer.from('two.')] },
    through: before + 2,
  })
  const part = reader.entries(PART, { at: NOW + 2, full: { notAfterFloor: 0 }, delta: null })
  expect(part.full).toEqual({ count: 1, der: [Buffer.from('two.')] })
  reader.close()
})
