import { describe, expect, test } from 'vitest'
import { audit, DAY, issuance, NOW, recorded, revocation, serial, sha256, token } from './records.ts'
import { temporaryStore } from './temporary.ts'

describe('a token', () => {
  test('is found by its hash', async () => {
    const store = await temporaryStore()
    const record = token('secret')
    const { tokenId } = await store.write('createToken', record)
    expect(await store.read.tokenByHash(sha256('secret'))).toEqual({
      tokenId,
      profile: record.profile,
      names: record.names,
      expiresAt: record.expiresAt,
      createdAt: record.createdAt,
      createdBy: record.createdBy,
      revokedAt: null,
      spentAt: null,
      spentOn: null,
      request: null,
    })
    expect(await store.read.tokenByHash(sha256('guess'))).toBeNull()
    await expect(store.write('createToken', record)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('is spent in the issuance that uses it', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    await store.write('recordIssuance', issuance(1, { tokenId, issuedAt: NOW * 1000 + 999 }))
    expect(await store.read.tokenByHash(sha256('secret'))).toMatchObject({ spentAt: NOW, spentOn: serial(1) })
    await expect(store.write('recordIssuance', issuance(2, { tokenId }))).rejects.toMatchObject({
      code: 'tokenSpent',
    })
    expect(await store.read.certificate(serial(2))).toBeNull()
  })

  test('lets exactly one of fifty parallel issuances win', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => store.write('recordIssuance', issuance(n, { tokenId }))),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'tokenSpent' })
    }
    expect(await store.read.countCertificates({ now: NOW }, 100)).toBe(1)
  })

  test('is not spent by an issuance that fails after it', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    await store.write('recordIssuance', issuance(1))
    await store.write('revoke', revocation(1))
    const renewal = issuance(2, { tokenId, replaces: serial(1) })
    await expect(store.write('recordIssuance', renewal)).rejects.toMatchObject({ code: 'certificateRevoked' })
    await expect(store.write('recordIssuance', issuance(3, { tokenId }))).resolves.toEqual(recorded(3))
  })

  test('is of no use once it has expired, or is revoked, or does not exist', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    const late = issuance(1, { tokenId, issuedAt: (NOW + DAY) * 1000 })
    await expect(store.write('recordIssuance', late)).rejects.toMatchObject({ code: 'tokenSpent' })
    await expect(store.write('recordIssuance', issuance(1, { tokenId: 999 }))).rejects.toMatchObject({
      code: 'tokenSpent',
    })
    const revoke = { tokenId, at: NOW + 5, audit: audit('token.revoke', String(tokenId)) }
    expect(await store.write('revokeToken', revoke)).toEqual({ changed: true })
    expect(await store.write('revokeToken', { ...revoke, at: NOW + 9 })).toEqual({ changed: false })
    expect(await store.read.tokenByHash(sha256('secret'))).toMatchObject({ revokedAt: NOW + 5 })
    expect((await store.read.listAudit({ action: 'token.revoke' }, { limit: 9 })).rows).toHaveLength(1)
    await expect(store.write('recordIssuance', issuance(1, { tokenId }))).rejects.toMatchObject({
      code: 'tokenSpent',
    })
    await expect(store.write('revokeToken', { ...revoke, tokenId: 999 })).rejects.toMatchObject({
      code: 'notFound',
    })
  })

  test('is listed newest first, by pages', async () => {
    const store = await temporaryStore()
    for (let n = 0; n < 5; n++) await store.write('createToken', token(`secret ${n}`))
    const first = await store.read.listTokens({ limit: 3 })
    const second = await store.read.listTokens({ limit: 3, after: first.next! })
    expect([...first.rows, ...second.rows].map(({ tokenId }) => tokenId)).toEqual([5, 4, 3, 2, 1])
    expect(second.next).toBeNull()
  })
})
