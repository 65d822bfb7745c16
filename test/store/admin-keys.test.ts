import { expect, test } from 'vitest'
import { audit, NOW, sha256 } from './records.ts'
import { temporaryStore } from './temporary.ts'

const record = (name: string, role: 'admin' | 'operator' | 'auditor' = 'admin') => ({
  ...{ name, role },
  hash: sha256(`key ${name}`),
  createdAt: NOW,
  createdBy: 'system:cli',
  audit: audit('admin-key.create', name),
})

test('an admin key is found by its hash, and its name is taken once', async () => {
  const store = await temporaryStore()
  const { id } = await store.write('createAdminKey', record('ops', 'operator'))
  const found = (key: string) => store.read.adminKeyByHash(sha256(key), NOW)
  expect(await found('key ops')).toEqual({ id, name: 'ops', role: 'operator', lastUsedAt: null })
  expect(await found('guess')).toBeNull()
  await expect(
    store.write('createAdminKey', { ...record('ops'), hash: sha256('other') }),
  ).rejects.toMatchObject({ code: 'conflict' })
  const [row] = (await store.read.listAudit({ action: 'admin-key.create' }, { limit: 9 })).rows
  expect(row).toMatchObject({ target: 'ops', detail: { id, role: 'operator' } })
})

test('a revoked one opens nothing any more, and its name stays taken: the audit log has it', async () => {
  const store = await temporaryStore()
  const ids = new Map<string, number>()
  for (const name of ['ops', 'backup']) ids.set(name, (await store.write('createAdminKey', record(name))).id)
  const revoke = (name: string, at = NOW + 5, keepAdmin = false) =>
    store.write('revokeAdminKey', {
      ...{ id: ids.get(name) ?? 99, at, keepAdmin },
      audit: audit('admin-key.revoke', name),
    })
  const found = (name: string) => store.read.adminKeyByHash(sha256(`key ${name}`), NOW)
  expect(await revoke('ops', NOW + 5, true)).toEqual({ changed: true, left: 1 })
  expect(await found('ops')).toBeNull()
  expect(await found('backup')).toMatchObject({ name: 'backup' })
  // The first facts stand.
  expect(await revoke('ops', NOW + 9)).toEqual({ changed: false, left: 1 })
  await expect(
    store.write('createAdminKey', { ...record('ops'), hash: sha256('other') }),
  ).rejects.toMatchObject({ code: 'conflict' })
  await expect(revoke('backup', NOW + 5, true)).rejects.toMatchObject({ code: 'conflict' })
  expect(await found('backup')).not.toBeNull()
  expect(await revoke('backup')).toEqual({ changed: true, left: 0 })
  expect(await store.read.adminKeys()).toMatchObject([
    { name: 'ops', createdAt: NOW, createdBy: 'system:cli', revokedAt: NOW + 5 },
    { name: 'backup', createdAt: NOW, revokedAt: NOW + 5 },
  ])
  await expect(revoke('nobody')).rejects.toMatchObject({ code: 'notFound' })
  expect((await store.read.listAudit({ action: 'admin-key.revoke' }, { limit: 9 })).rows).toHaveLength(2)
})

test('only keys with the role admin count as the last one', async () => {
  const store = await temporaryStore()
  const { id } = await store.write('createAdminKey', record('ops'))
  const { id: reader } = await store.write('createAdminKey', record('reader', 'auditor'))
  const revoke = (key: number) =>
    store.write('revokeAdminKey', {
      ...{ id: key, at: NOW, keepAdmin: true },
      audit: audit('admin-key.revoke'),
    })
  await expect(revoke(id)).rejects.toMatchObject({ code: 'conflict' })
  expect(await revoke(reader)).toEqual({ changed: true, left: 1 })
})

test('after a rotation the former secret opens for its grace, and that of before it no more', async () => {
  const store = await temporaryStore()
  const { id } = await store.write('createAdminKey', record('ops'))
  const rotate = (secret: string, at: number, formerUntil: number | null) =>
    store.write('rotateAdminKey', {
      ...{ id, at, formerUntil, hash: sha256(secret) },
      audit: audit('admin-key.rotate', 'ops'),
    })
  const opens = async (secret: string, at: number) =>
    (await store.read.adminKeyByHash(sha256(secret), at)) !== null
  await rotate('second', NOW + 10, NOW + 70)
  expect(await opens('second', NOW + 10)).toBe(true)
  expect(await opens('key ops', NOW + 69)).toBe(true)
  expect(await opens('key ops', NOW + 70)).toBe(false)
  await rotate('third', NOW + 20, NOW + 80)
  expect(await opens('second', NOW + 20)).toBe(true)
  expect(await opens('key ops', NOW + 20)).toBe(false)
  await rotate('fourth', NOW + 30, null)
  expect(await opens('third', NOW + 30)).toBe(false)
  expect(await store.read.adminKey(id)).toMatchObject({ rotatedAt: NOW + 30, formerUntil: null })
  await store.write('revokeAdminKey', {
    ...{ id, at: NOW + 40, keepAdmin: false },
    audit: audit('admin-key.revoke'),
  })
  expect(await opens('fourth', NOW + 40)).toBe(false)
  await expect(rotate('fifth', NOW + 50, null)).rejects.toMatchObject({ code: 'conflict' })
})

test('its last use is noted, and never set back', async () => {
  const store = await temporaryStore()
  const { id } = await store.write('createAdminKey', record('ops'))
  for (const at of [NOW + 60, NOW]) await store.write('adminKeyUsed', { id, at })
  expect(await store.read.adminKey(id)).toMatchObject({ lastUsedAt: NOW + 60 })
})
