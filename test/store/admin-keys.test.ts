import { expect, test } from 'vitest'
import { audit, NOW, sha256 } from './records.ts'
import { temporaryStore } from './temporary.ts'

const record = (name: string) => ({
  name,
  hash: sha256(`key ${name}`),
  createdAt: NOW,
  audit: audit('admin-key.create', name),
})

test('an admin key is found by its hash, and its name is taken once', async () => {
  const store = await temporaryStore()
  await store.write('createAdminKey', record('ops'))
  expect(await store.read.adminKeyByHash(sha256('key ops'))).toEqual({ name: 'ops' })
  expect(await store.read.adminKeyByHash(sha256('guess'))).toBeNull()
  await expect(
    store.write('createAdminKey', { ...record('ops'), hash: sha256('other') }),
  ).rejects.toMatchObject({ code: 'conflict' })
})

test('a revoked one opens nothing any more, and its name stays taken: the audit log has it', async () => {
  const store = await temporaryStore()
  for (const name of ['ops', 'backup']) await store.write('createAdminKey', record(name))
  const revoke = (name: string, at = NOW + 5) =>
    store.write('revokeAdminKey', { name, at, audit: audit('admin-key.revoke', name) })
  expect(await revoke('ops')).toEqual({ changed: true, left: 1 })
  expect(await store.read.adminKeyByHash(sha256('key ops'))).toBeNull()
  expect(await store.read.adminKeyByHash(sha256('key backup'))).toEqual({ name: 'backup' })
  // The first facts stand.
  expect(await revoke('ops', NOW + 9)).toEqual({ changed: false, left: 1 })
  await expect(
    store.write('createAdminKey', { ...record('ops'), hash: sha256('other') }),
  ).rejects.toMatchObject({ code: 'conflict' })
  expect(await revoke('backup')).toEqual({ changed: true, left: 0 })
  expect(await store.read.adminKeys()).toEqual([
    { name: 'ops', createdAt: NOW, revokedAt: NOW + 5 },
    { name: 'backup', createdAt: NOW, revokedAt: NOW + 5 },
  ])
  await expect(revoke('nobody')).rejects.toMatchObject({ code: 'notFound' })
  expect((await store.read.listAudit({ action: 'admin-key.revoke' }, { limit: 9 })).rows).toHaveLength(2)
})
