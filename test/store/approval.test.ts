import Database from 'better-sqlite3'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RequestRecord } from '../../src/store/approval-commands.ts'
import { audit, DAY, issuance, NOW, serial, sha256, token } from './records.ts'
import { temporaryStore } from './temporary.ts'

const KEPT = NOW + 14 * DAY

function request(what: string, changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    fingerprint: sha256(what),
    principal: 'token:1',
    protocol: 'rest',
    profile: 'server',
    authority: null,
    validity: null,
    notAfter: null,
    names: [{ type: 'dns', value: 'web.example.test' }],
    csr: Buffer.from(`CSR of ${what}`),
    keyType: 'P-256',
    keyHash: sha256(`key of ${what}`),
    subject: '',
    renewalOf: null,
    tokenId: null,
    idempotency: null,
    createdAt: NOW,
    expiresAt: NOW + 7 * DAY,
    keptUntil: KEPT,
    most: 3,
    audit: audit('request.create'),
    ...changes,
  }
}

const approves = (requestId: number) => ({ requestId, keptUntil: KEPT })
const refusal = (requestId: number, at = NOW) => ({
  ...{ requestId, at, reason: 'No.', keptUntil: KEPT },
  audit: audit('request.deny', String(requestId)),
})

describe('a request', () => {
  test('is read as it was written', async () => {
    const store = await temporaryStore()
    const record = request('a', {
      authority: 'issuing',
      validity: 60,
      notAfter: NOW + 60,
      idempotency: { key: 'k', requestHash: sha256('h') },
    })
    const { requestId, created } = await store.write('createRequest', record)
    expect(created).toBe(true)
    const { most: _, keptUntil: __, audit: ___, ...facts } = record
    const row = await store.read.request(requestId)
    expect(row).toEqual({
      ...facts,
      requestId,
      state: 'pending',
      decidedAt: null,
      decidedBy: null,
      reason: null,
      serialNumber: null,
    })
    expect(await store.read.requestByFingerprint(sha256('a'))).toEqual(row)
    expect(await store.read.idempotentIssuance('token:1', 'k', 0)).toEqual({
      requestHash: sha256('h'),
      serialNumber: null,
    })
    expect(await store.read.request(requestId + 1)).toBeNull()
  })

  test('is one, and has one row of audit, however often it is written', async () => {
    const store = await temporaryStore()
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => store.write('createRequest', request('a'))),
    )
    expect(new Set(outcomes.map(({ requestId }) => requestId)).size).toBe(1)
    expect(outcomes.filter(({ created }) => created)).toHaveLength(1)
    const audited = await store.read.listAudit({ action: 'request.create' }, { limit: 10 })
    expect(audited.rows.map(({ target }) => target)).toEqual([String(outcomes[0]!.requestId)])
  })

  test('that has expired is pending anew in its own row, with the newest CSR', async () => {
    const store = await temporaryStore()
    const { requestId } = await store.write('createRequest', request('a'))
    const later = NOW + 7 * DAY
    const again = request('a', { createdAt: later, expiresAt: later + DAY, csr: Buffer.from('signed anew') })
    expect(await store.write('createRequest', again)).toEqual({ requestId, created: true })
    expect(await store.read.request(requestId)).toMatchObject({
      createdAt: later,
      csr: Buffer.from('signed anew'),
    })
    // The number is not given to another.
    const other = await store.write('createRequest', request('b'))
    expect(other.requestId).toBeGreaterThan(requestId)
  })

  test('is one of a bounded number, in which those that have expired count', async () => {
    const store = await temporaryStore()
    for (const what of ['a', 'b', 'c']) await store.write('createRequest', request(what))
    const later = { createdAt: NOW + 30 * DAY, expiresAt: NOW + 31 * DAY }
    await expect(store.write('createRequest', request('d', later))).rejects.toMatchObject({
      code: 'tooManyPending',
      retryAfter: 3600,
    })
    await store.write('createRequest', request('a', later))
    await store.write('createRequest', request('d', { principal: 'token:2' }))
    await store.write('refuseRequest', refusal(2))
    await store.write('createRequest', request('d', later))
  })

  test('does not share its idempotency key with another', async () => {
    const store = await temporaryStore()
    const idempotency = { key: 'k', requestHash: sha256('h') }
    await store.write('createRequest', request('a', { idempotency }))
    await expect(store.write('createRequest', request('b', { idempotency }))).rejects.toMatchObject({
      code: 'idempotencyConflict',
    })
    await store.write('createRequest', request('b', { idempotency, principal: 'token:2' }))
  })
})

describe('an approval', () => {
  test('ends the request with its certificate, in one transaction', async () => {
    const store = await temporaryStore()
    const { requestId } = await store.write('createRequest', request('a'))
    await store.write(
      'recordIssuance',
      issuance(1, {
        approves: approves(requestId),
        idempotency: { scope: 's', key: 'k', requestHash: sha256('h'), countsFrom: 0 },
      }),
    )
    expect(await store.read.request(requestId)).toMatchObject({
      state: 'approved',
      serialNumber: serial(1),
      decidedAt: NOW,
      decidedBy: 'admin:default',
    })
    expect(await store.read.idempotentIssuance('s', 'k', 0)).toMatchObject({ serialNumber: serial(1) })
  })

  test('wins or loses whole against fifty others and a refusal', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    const { requestId } = await store.write('createRequest', request('a', { tokenId }))
    const results = await Promise.allSettled([
      ...Array.from({ length: 50 }, (_, n) =>
        store.write('recordIssuance', issuance(n, { tokenId, approves: approves(requestId) })),
      ),
      store.write('refuseRequest', refusal(requestId)),
    ])
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'conflict' })
    expect(await store.read.countCertificates({ now: NOW }, 100)).toBe(1)
  })

  test.for([
    ['in its last millisecond', 7 * DAY * 1000 - 1, true],
    ['at its end', 7 * DAY * 1000, false],
  ] as const)('counts against the request’s end: %s', async ([, after, passes]) => {
    const store = await temporaryStore()
    const { requestId } = await store.write('createRequest', request('a'))
    const record = issuance(1, { approves: approves(requestId), issuedAt: NOW * 1000 + after })
    const recorded = store.write('recordIssuance', record)
    if (passes) await recorded
    else
      await expect(recorded).rejects.toMatchObject({
        code: 'conflict',
        detail: expect.stringMatching(/has expired/),
      })
    expect((await store.read.certificate(serial(1))) !== null).toBe(passes)
  })

  test('of what is not there or was refused is none', async () => {
    const store = await temporaryStore()
    const { requestId } = await store.write('createRequest', request('a'))
    await store.write('refuseRequest', refusal(requestId))
    for (const [id, code] of [
      [requestId, 'conflict'],
      [99, 'notFound'],
    ] as const) {
      const record = issuance(1, { approves: approves(id) })
      await expect(store.write('recordIssuance', record)).rejects.toMatchObject({ code })
      await expect(store.write('refuseRequest', refusal(id))).rejects.toMatchObject({ code })
    }
    expect(await store.read.countCertificates({ now: NOW }, 10)).toBe(0)
  })
})

describe('a token', () => {
  test('is bound by a request until that is approved, beyond its own end', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    const { requestId } = await store.write('createRequest', request('a', { tokenId }))
    expect(await store.read.tokenByHash(sha256('secret'))).toMatchObject({
      request: { requestId, state: 'pending', expiresAt: NOW + 7 * DAY },
    })
    await expect(store.write('createRequest', request('b', { tokenId }))).rejects.toMatchObject({
      code: 'tokenSpent',
    })
    await expect(store.write('recordIssuance', issuance(1, { tokenId }))).rejects.toMatchObject({
      code: 'tokenSpent',
    })
    const issuedAt = (NOW + 2 * DAY) * 1000
    await store.write('recordIssuance', issuance(2, { tokenId, issuedAt, approves: approves(requestId) }))
    expect(await store.read.token(tokenId)).toMatchObject({
      spentOn: serial(2),
      request: { requestId, state: 'approved' },
    })
  })

  test('that is spent, revoked or over makes no request', async () => {
    const store = await temporaryStore()
    const { tokenId: spent } = await store.write('createToken', token('spent'))
    await store.write('recordIssuance', issuance(1, { tokenId: spent }))
    const { tokenId: revoked } = await store.write('createToken', token('revoked'))
    await store.write('revokeToken', { tokenId: revoked, at: NOW, audit: audit('token.revoke') })
    const { tokenId: over } = await store.write('createToken', token('over', { expiresAt: NOW }))
    for (const tokenId of [spent, revoked, over]) {
      const made = store.write('createRequest', request(`${tokenId}`, { tokenId }))
      await expect(made).rejects.toMatchObject({ code: 'tokenSpent' })
    }
    expect((await store.read.listRequests({ now: NOW }, { limit: 10 })).rows).toEqual([])
  })
})

test('a request is never approved without a certificate, whoever writes', async () => {
  const store = await temporaryStore()
  await store.write('createRequest', request('a'))
  const db = new Database(store.databaseFile)
  onTestFinished(() => void db.close())
  for (const change of [
    "state = 'approved', decided_at = 1, decided_by = 'x'",
    "state = 'refused', decided_at = 1, decided_by = 'x'",
    "state = 'refused', reason = 'x'",
    'certificate = 1',
    'csr = NULL',
  ])
    expect(() => db.exec(`UPDATE requests SET ${change}`)).toThrow(/constraint/)
})

test('a refusal outlives the token that was used for it: else that would open something again', async () => {
  const store = await temporaryStore()
  const { tokenId } = await store.write('createToken', token('secret', { expiresAt: NOW + 30 * DAY }))
  const { requestId } = await store.write('createRequest', request('a', { tokenId }))
  const refusal = {
    requestId,
    at: NOW,
    reason: 'No.',
    keptUntil: NOW + 7 * DAY,
    audit: audit('request.deny'),
  }
  await store.write('refuseRequest', refusal)
  await store.write('sweepRequests', { now: NOW + 7 * DAY, limit: 10 })
  const late = { createdAt: NOW + 8 * DAY, expiresAt: NOW + 15 * DAY, tokenId }
  await expect(store.write('createRequest', request('b', late))).rejects.toMatchObject({ code: 'tokenSpent' })
  const issuing = issuance(1, { tokenId, issuedAt: (NOW + 8 * DAY) * 1000 })
  await expect(store.write('recordIssuance', issuing)).rejects.toMatchObject({ code: 'tokenSpent' })
  await store.write('sweepRequests', { now: NOW + 30 * DAY, limit: 10 })
  expect(await store.read.request(requestId)).toBeNull()
})
