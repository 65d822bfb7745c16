import { describe, expect, test } from 'vitest'
import {
  audit,
  authority,
  DAY,
  issuance,
  NOW,
  recorded,
  revocation,
  serial,
  sha256,
  token,
} from './records.ts'
import { issueMany, temporaryStore } from './temporary.ts'

describe('recordIssuance', () => {
  test('keeps every fact', async () => {
    const store = await temporaryStore()
    const names = [
      { type: 'dns', value: '*.web.example.test' },
      { type: 'ip', value: '2001:db8::1' },
      { type: 'uri', value: 'spiffe://example.test/web' },
      { type: 'email', value: 'ops@example.test' },
      { type: 'dns', value: 'a.example.test' },
    ] as const
    const record = issuance(1, { names, profile: 'mesh', principal: 'token:17' })
    expect(await store.write('recordIssuance', record)).toEqual(recorded(1))
    expect(await store.read.certificate(serial(1))).toEqual({
      serialNumber: serial(1),
      authority: 'issuing',
      profile: 'mesh',
      subject: record.subject,
      names,
      notBefore: record.notBefore,
      notAfter: record.notAfter,
      issuedAt: record.issuedAt,
      principal: 'token:17',
      revocation: null,
      der: record.der,
      keyHash: record.keyHash,
      replaces: null,
      replacedBy: null,
    })
    const { rows } = await store.read.listAudit({ target: serial(1) }, { limit: 10 })
    expect(rows).toEqual([{ id: expect.any(Number), ...record.audit }])
  })

  test('keeps what was given at the call, whatever the caller does to its buffer afterwards', async () => {
    const store = await temporaryStore()
    const der = Buffer.from('as it was')
    const written = store.write('recordIssuance', issuance(1, { der }))
    der.fill(0)
    await written
    expect((await store.read.certificate(serial(1)))?.der.toString()).toBe('as it was')
  })

  test('refuses a serial number that is taken, and leaves the first certificate alone', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    const again = issuance(1, { subject: 'CN=other', audit: audit('certificate.issue', 'other') })
    await expect(store.write('recordIssuance', again)).rejects.toMatchObject({ code: 'internal' })
    expect(await store.read.certificate(serial(1))).toMatchObject({ subject: 'CN=host1.example.test' })
    expect((await store.read.listAudit({ target: 'other' }, { limit: 1 })).rows).toEqual([])
  })

  test.each(['', 'zz', 'abc', '00'.repeat(21)])('refuses the serial number "%s"', async (serialNumber) => {
    const store = await temporaryStore()
    await expect(store.write('recordIssuance', issuance(1, { serialNumber }))).rejects.toMatchObject({
      code: 'internal',
    })
  })

  test('refuses an authority that is not on record', async () => {
    const store = await temporaryStore()
    await expect(store.write('recordIssuance', issuance(1, { authority: 'nobody' }))).rejects.toMatchObject({
      code: 'unknownAuthority',
    })
  })
})

describe('renewal', () => {
  test('links both ways, to the newest successor', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1))
    await store.write('recordIssuance', issuance(2, { replaces: serial(1) }))
    await store.write('recordIssuance', issuance(3, { replaces: serial(1) }))
    expect(await store.read.certificate(serial(1))).toMatchObject({ replaces: null, replacedBy: serial(3) })
    expect(await store.read.certificate(serial(2))).toMatchObject({ replaces: serial(1), replacedBy: null })
  })

  test('is refused for a certificate that is unknown, revoked, on hold or expired', async () => {
    const store = await temporaryStore()
    await issueMany(store, 4)
    await store.write('revoke', revocation(1))
    await store.write('revoke', revocation(2, { reason: 6 }))
    const attempt = (replaces: string, issuedAt = NOW * 1000) =>
      store.write('recordIssuance', issuance(9, { replaces, issuedAt }))
    await expect(attempt(serial(8))).rejects.toMatchObject({ code: 'notFound' })
    await expect(attempt(serial(1))).rejects.toMatchObject({ code: 'certificateRevoked' })
    await expect(attempt(serial(2))).rejects.toMatchObject({ code: 'certificateRevoked' })
    const lastSecond = NOW + 90 * DAY
    await expect(attempt(serial(3), (lastSecond + 1) * 1000)).rejects.toMatchObject({
      code: 'certificateExpired',
    })
    expect(await store.read.certificate(serial(9))).toBeNull()
    await expect(attempt(serial(3), lastSecond * 1000 + 999)).resolves.toEqual(recorded(9))
  })
})

describe('an idempotency key', () => {
  const key = { scope: 'admin:default', key: 'once', requestHash: sha256('request'), countsFrom: 0 }

  test('gives the first certificate again, and writes nothing', async () => {
    const store = await temporaryStore()
    const { tokenId } = await store.write('createToken', token('secret'))
    await store.write('recordIssuance', issuance(1, { idempotency: key, tokenId }))
    const retry = await store.write('recordIssuance', issuance(2, { idempotency: key, tokenId }))
    expect(retry).toEqual({ outcome: 'replayed', serialNumber: serial(1) })
    expect(await store.read.certificate(serial(2))).toBeNull()
    expect((await store.read.listAudit({ action: 'certificate.issue' }, { limit: 9 })).rows).toHaveLength(1)
    expect(await store.read.idempotentIssuance('admin:default', 'once', 0)).toEqual({
      requestHash: key.requestHash,
      serialNumber: serial(1),
    })
    expect(await store.read.idempotentIssuance('admin:other', 'once', 0)).toBeNull()
  })

  test('is refused with another request, and free in another scope', async () => {
    const store = await temporaryStore()
    await store.write('recordIssuance', issuance(1, { idempotency: key }))
    const other = { ...key, requestHash: sha256('another request') }
    await expect(store.write('recordIssuance', issuance(2, { idempotency: other }))).rejects.toMatchObject({
      code: 'idempotencyConflict',
    })
    const elsewhere = { ...other, scope: 'token:1' }
    await expect(store.write('recordIssuance', issuance(2, { idempotency: elsewhere }))).resolves.toEqual(
      recorded(2),
    )
  })

  test('gives one certificate to fifty requests at once', async () => {
    const store = await temporaryStore()
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.write('recordIssuance', issuance(n, { idempotency: key }))),
    )
    expect(outcomes.filter(({ outcome }) => outcome === 'recorded')).toHaveLength(1)
    const winner = await store.read.idempotentIssuance(key.scope, key.key, 0)
    for (const outcome of outcomes) {
      if (outcome.outcome === 'replayed') expect(outcome.serialNumber).toBe(winner?.serialNumber)
    }
    expect(await store.read.countCertificates({ now: NOW }, 100)).toBe(1)
  })

  test('is free for another request where its certificate is too old, swept or not', async () => {
    const store = await temporaryStore()
    const at = NOW * 1000
    await store.write('recordIssuance', issuance(1, { idempotency: key, issuedAt: at }))
    const other = { ...key, requestHash: sha256('another request') }
    const next = (countsFrom: number) =>
      store.write(
        'recordIssuance',
        issuance(2, { idempotency: { ...other, countsFrom }, issuedAt: at + 1000 }),
      )
    await expect(next(at)).rejects.toMatchObject({ code: 'idempotencyConflict' })
    expect(await store.read.idempotentIssuance(key.scope, key.key, at + 1)).toBeNull()
    await expect(next(at + 1)).resolves.toEqual(recorded(2))
    expect(await store.read.idempotentIssuance(key.scope, key.key, at + 1)).toEqual({
      requestHash: other.requestHash,
      serialNumber: serial(2),
    })
  })

  test('is removed when it is too old, the oldest first and so many at once', async () => {
    const store = await temporaryStore()
    const at = NOW * 1000
    for (let n = 0; n < 6; n++) {
      const idempotency = { ...key, key: `k${n}` }
      // The clock was set back in between.
      await store.write(
        'recordIssuance',
        issuance(n, { idempotency, issuedAt: at + (n === 1 ? 9 : n) * 1000 }),
      )
    }
    const left = async () => {
      const found = await Promise.all(
        [0, 1, 2, 3, 4, 5].map((n) => store.read.idempotentIssuance(key.scope, `k${n}`, 0)),
      )
      return found.flatMap((one, n) => (one ? [n] : []))
    }
    const sweep = (seconds: number) =>
      store.write('sweepIdempotencyKeys', { issuedBefore: at + seconds * 1000, limit: 2 })
    expect(await sweep(0)).toEqual({ more: false })
    expect(await left()).toHaveLength(6)
    expect(await sweep(5)).toEqual({ more: true })
    expect(await left()).toEqual([1, 3, 4, 5])
    expect(await sweep(5)).toEqual({ more: true })
    expect(await sweep(5)).toEqual({ more: false })
    expect(await left()).toEqual([1, 5])
    // What came after a certificate of a clock that was wrong stays until that clock has come by.
    expect(await sweep(10)).toEqual({ more: false })
    expect(await left()).toEqual([5])
    await store.write('recordIssuance', issuance(6, { issuedAt: at + 10_000 }))
    await sweep(11)
    expect(await left()).toEqual([])
  })

  test('is not used up by an issuance that fails', async () => {
    const store = await temporaryStore()
    const failing = issuance(1, { idempotency: key, authority: 'nobody' })
    await expect(store.write('recordIssuance', failing)).rejects.toThrow()
    await store.write('recordAuthority', authority({ id: 'nobody' }))
    await expect(store.write('recordIssuance', failing)).resolves.toEqual(recorded(1))
  })
})
