import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AuthorityInstallation } from '../../src/store/authority-commands.ts'
import { migrate } from '../../src/store/migrate.ts'
import { openStore } from '../../src/store/open.ts'
import { migrateToBefore } from './older-database.ts'
import { audit, authority, DAY, issuance, NOW, serial } from './records.ts'
import { temporaryDatabase, temporaryStore } from './temporary.ts'

test('an authority is kept whole, and its id is taken once', async () => {
  const store = await temporaryStore()
  const next = authority({
    id: 'next',
    state: 'pending',
    certificate: null,
    chain: [],
    csr: Buffer.from('csr'),
  })
  const root = authority({ id: 'root', role: 'root', keyFile: null, hash: null, chain: [] })
  for (const record of [next, root]) {
    await store.write('recordAuthority', record)
    const { audit: _, ...kept } = record
    expect((await store.read.authorities()).at(-1)).toEqual({
      ...kept,
      publishedAt: kept.certificate && kept.createdAt,
      changedAt: null,
    })
  }
  await expect(store.write('recordAuthority', authority({ state: 'retired' }))).rejects.toMatchObject({
    code: 'conflict',
  })
  await expect(
    store.write('recordAuthority', authority({ id: 'third', isDefault: true })),
  ).rejects.toMatchObject({ code: 'conflict' })
  expect((await store.read.authorities()).map(({ id, state }) => [id, state])).toEqual([
    ['issuing', 'active'],
    ['next', 'pending'],
    ['root', 'active'],
  ])
})

describe('a change', () => {
  const change = (id: string, what: { isDefault?: true; state?: 'active' | 'retired' }) =>
    ({ id, ...what, audit: audit('authority.change', id) }) as const

  async function twoAuthorities() {
    const store = await temporaryStore()
    await store.write('recordAuthority', authority({ id: 'next' }))
    await store.write('recordIssuance', issuance(1))
    const states = async () =>
      Object.fromEntries(
        (await store.read.authorities()).map(({ id, state, isDefault }) => [
          id,
          isDefault ? `${state}, default` : state,
        ]),
      )
    return { store, states }
  }

  test('moves the default and retires, each with its audit row, and touches nothing else', async () => {
    const { store, states } = await twoAuthorities()
    const [before] = await store.read.authorities()
    await store.write('changeAuthority', change('next', { isDefault: true }))
    await store.write('changeAuthority', change('issuing', { state: 'retired' }))
    expect(await states()).toEqual({ issuing: 'retired', next: 'active, default' })
    const [after] = await store.read.authorities()
    expect(after).toEqual({ ...before, changedAt: NOW, state: 'retired', isDefault: false })
    expect(await store.read.certificate(serial(1))).toMatchObject({ authority: 'issuing' })
    await store.write('changeAuthority', change('issuing', { state: 'active', isDefault: true }))
    expect(await states()).toEqual({ issuing: 'active, default', next: 'active' })
    expect((await store.read.listAudit({ action: 'authority.change' }, { limit: 9 })).rows).toHaveLength(3)
  })

  test.for(Array.from({ length: 8 }, (_, n) => n))(
    'made at the same time as others leaves one default that can issue (%i)',
    async (order) => {
      const { store } = await twoAuthorities()
      const changes = [
        change('next', { isDefault: true }),
        change('next', { state: 'retired' }),
        change('issuing', { state: 'retired' }),
        change('issuing', { isDefault: true }),
      ]
      const turned = [...changes.slice(order % 4), ...changes.slice(0, order % 4)]
      await Promise.allSettled(
        (order < 4 ? turned : turned.reverse()).map((one) => store.write('changeAuthority', one)),
      )
      const defaults = (await store.read.authorities()).filter(({ isDefault }) => isDefault)
      expect(defaults.map(({ state }) => state)).toEqual(['active'])
    },
  )

  test.for<[string, ReturnType<typeof change>, string]>([
    ['the default to be retired', change('issuing', { state: 'retired' }), 'conflict'],
    ['a default that retires', change('next', { isDefault: true, state: 'retired' }), 'conflict'],
    ['of one that awaits its certificate', change('pending', { isDefault: true }), 'conflict'],
    ['of the root', change('root', { state: 'retired' }), 'unknownAuthority'],
    ['of nobody', change('nobody', { isDefault: true }), 'unknownAuthority'],
  ])('is refused: %s', async ([, refused, code]) => {
    const { store } = await twoAuthorities()
    await store.write('recordAuthority', authority({ id: 'pending', state: 'pending', certificate: null }))
    await store.write('recordAuthority', authority({ id: 'root', role: 'root', keyFile: null }))
    const before = await store.read.authorities()
    await expect(store.write('changeAuthority', refused)).rejects.toMatchObject({ code })
    expect(await store.read.authorities()).toEqual(before)
    expect((await store.read.listAudit({ action: 'authority.change' }, { limit: 9 })).rows).toEqual([])
  })

  test('a retired one does not become the default', async () => {
    const { store } = await twoAuthorities()
    await store.write('changeAuthority', change('next', { state: 'retired' }))
    await expect(store.write('changeAuthority', change('next', { isDefault: true }))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('make it active first'),
    })
  })
})

describe('a certificate that is installed', () => {
  const pending = (id: string) =>
    authority({
      id,
      state: 'pending',
      isDefault: false,
      certificate: null,
      chain: [],
      csr: Buffer.from('csr'),
    })
  const install = (id: string, changes: Partial<AuthorityInstallation> = {}): AuthorityInstallation => ({
    id,
    replaces: null,
    certificate: Buffer.from(`new certificate of ${id}`),
    chain: [Buffer.from('new root')],
    above: [
      { ids: ['root', 'root-new'], role: 'root', certificate: Buffer.from('new root'), chain: [], crl: null },
    ],
    installedAt: NOW,
    audit: audit('authority.install', id),
    ...changes,
  })

  async function emptyStore() {
    const store = await openStore({ file: temporaryDatabase() })
    onTestFinished(() => store.close())
    return store
  }

  test('makes the first authority the default, and leaves it there for the second; one root has one record', async () => {
    const store = await emptyStore()
    for (const id of ['first', 'second']) {
      await store.write('recordAuthority', pending(id))
      await store.write('installAuthority', install(id))
    }
    const [first, root, second] = await store.read.authorities()
    expect(first).toMatchObject({
      state: 'active',
      isDefault: true,
      certificate: Buffer.from('new certificate of first'),
      chain: [Buffer.from('new root')],
      keyFile: 'keys/first.pem',
    })
    expect(root).toMatchObject({
      id: 'root',
      role: 'root',
      certificate: Buffer.from('new root'),
      createdAt: NOW,
    })
    expect(second).toMatchObject({ id: 'second', state: 'active', isDefault: false })
    expect((await store.read.listAudit({ action: 'authority.install' }, { limit: 9 })).rows).toHaveLength(2)
  })

  test('from two roots at once: each root has a record of its own', async () => {
    const store = await emptyStore()
    for (const id of ['first', 'second']) await store.write('recordAuthority', pending(id))
    const certificate = Buffer.from('other root')
    const other = { ids: ['root', 'root-other'], role: 'root', certificate, chain: [], crl: null } as const
    await Promise.all([
      store.write('installAuthority', install('first')),
      store.write('installAuthority', install('second', { above: [other] })),
    ])
    const roots = (await store.read.authorities()).filter(({ role }) => role === 'root')
    expect(roots.map(({ id, certificate }) => [id, String(certificate)])).toEqual([
      ['root', 'new root'],
      ['root-other', 'other root'],
    ])
  })

  test('leaves a retired one retired, and undoes no change made meanwhile', async () => {
    const store = await temporaryStore()
    await store.write('recordAuthority', authority({ id: 'next' }))
    const { certificate } = (await store.read.authorities())[0]!
    await store.write('changeAuthority', { id: 'next', isDefault: true, audit: audit('authority.change') })
    await store.write('changeAuthority', {
      id: 'issuing',
      state: 'retired',
      audit: audit('authority.change'),
    })
    await store.write('installAuthority', install('issuing', { replaces: certificate }))
    expect((await store.read.authorities())[0]).toMatchObject({
      state: 'retired',
      isDefault: false,
      certificate: Buffer.from('new certificate of issuing'),
    })
  })

  test('is refused where another one came first than the one it was compared with', async () => {
    const store = await temporaryStore()
    const before = await store.read.authorities()
    for (const replaces of [null, Buffer.from('an older one')]) {
      await expect(store.write('installAuthority', install('issuing', { replaces }))).rejects.toMatchObject({
        code: 'conflict',
      })
    }
    await expect(store.write('installAuthority', install('nobody'))).rejects.toMatchObject({
      code: 'unknownAuthority',
    })
    expect(await store.read.authorities()).toEqual(before)
  })
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

test('what authorities were before there were those between, they still are', () => {
  const db = new Database(':memory:')
  onTestFinished(() => void db.close())
  migrateToBefore(db, 'authorities-between')
  const insert = db.prepare(
    "INSERT INTO authorities (id, role, state, is_default, chain, created_at) VALUES (?, ?, 'active', 0, '[]', 1)",
  )
  for (const [id, role] of [
    ['first', 'issuing'],
    ['root', 'root'],
    ['second', 'issuing'],
  ])
    insert.run(id, role)
  migrate(db)
  expect(db.prepare('SELECT id, role FROM authorities ORDER BY key').raw().all()).toEqual([
    ['first', 'issuing'],
    ['root', 'root'],
    ['second', 'issuing'],
  ])
  insert.run('between', 'intermediate')
  expect(() => insert.run('other', 'other')).toThrow('CHECK constraint failed')
})
