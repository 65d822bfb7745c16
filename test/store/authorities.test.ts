import { expect, test } from 'vitest'
import { audit, authority, DAY, issuance, NOW, serial } from './records.ts'
import { temporaryStore } from './temporary.ts'

test('an authority is kept whole, and replaced in place', async () => {
  const store = await temporaryStore()
  const pending = authority({
    id: 'next',
    state: 'pending',
    certificate: null,
    chain: [],
    csr: Buffer.from('csr'),
  })
  await store.write('recordAuthority', pending)
  await store.write('recordIssuance', issuance(1))
  const { audit: _, ...root } = authority({ id: 'root', role: 'root', keyFile: null, hash: null, chain: [] })
  await store.write('recordAuthority', authority({ ...root }))
  const active = authority({ id: 'next', chain: [Buffer.from('intermediate'), Buffer.from('root')] })
  await store.write('recordAuthority', active)
  const [issuing, next, last] = await store.read.authorities()
  expect(last).toEqual(root)
  expect(next).toMatchObject({
    id: 'next',
    state: 'active',
    csr: null,
    chain: active.chain,
    certificate: active.certificate,
  })
  expect(issuing).toMatchObject({ id: 'issuing', isDefault: true })
  await store.write('recordAuthority', authority({ state: 'retired' }))
  expect(await store.read.certificate(serial(1))).toMatchObject({ authority: 'issuing' })
})

test('one authority at most is the default: the last to claim it', async () => {
  const store = await temporaryStore()
  await store.write('recordAuthority', authority({ id: 'next', isDefault: true }))
  await store.write('recordAuthority', authority({ id: 'next', isDefault: true }))
  const defaults = (await store.read.authorities()).filter(({ isDefault }) => isDefault)
  expect(defaults.map(({ id }) => id)).toEqual(['next'])
})

test('CRL numbers only rise', async () => {
  const store = await temporaryStore()
  await store.write('recordAuthority', authority({ id: 'other' }))
  const crl = {
    authority: 'issuing',
    number: 5,
    thisUpdate: NOW,
    nextUpdate: NOW + 60,
    der: Buffer.from('five'),
    entries: 3,
  }
  expect(await store.read.latestCrl('issuing')).toBeNull()
  await store.write('recordCrl', crl)
  for (const number of [5, 4]) {
    await expect(store.write('recordCrl', { ...crl, number, der: Buffer.from('old') })).rejects.toMatchObject(
      {
        code: 'conflict',
      },
    )
  }
  const { authority: _, ...five } = crl
  expect(await store.read.latestCrl('issuing')).toEqual(five)
  await store.write('recordCrl', { ...crl, number: 6, der: Buffer.from('six') })
  await store.write('recordCrl', { ...crl, authority: 'other', number: 1 })
  expect(await store.read.latestCrl('issuing')).toMatchObject({ number: 6, der: Buffer.from('six') })
  expect(await store.read.latestCrl('other')).toMatchObject({ number: 1 })
  await expect(store.write('recordCrl', { ...crl, authority: 'nobody' })).rejects.toMatchObject({
    code: 'unknownAuthority',
  })
})

test('a CRL that somebody brought is recorded with its audit row, or neither is', async () => {
  const store = await temporaryStore()
  const crl = {
    authority: 'issuing',
    number: 5,
    thisUpdate: NOW,
    nextUpdate: NOW + 7 * DAY,
    der: Buffer.from('crl'),
    entries: 3,
  }
  await store.write('recordCrl', { ...crl, audit: audit('crl.install', 'issuing') })
  await expect(
    store.write('recordCrl', { ...crl, audit: audit('crl.install', 'again') }),
  ).rejects.toMatchObject({ code: 'conflict' })
  await store.write('recordCrl', { ...crl, number: 6 })
  const { rows } = await store.read.listAudit({ action: 'crl.install' }, { limit: 9 })
  expect(rows.map(({ target }) => target)).toEqual(['issuing'])
})
