import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Access } from '../../src/auth/access.ts'
import { authenticate, bySession } from '../../src/auth/authenticate.ts'
import { hashSecret, newSecret, SECRET_PREFIX } from '../../src/auth/secrets.ts'
import { createToken, LONGEST_TOKEN } from '../../src/auth/tokens.ts'
import { CaError } from '../../src/errors.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { authenticateClient } from '../../src/sds/authenticate-client.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'
import { audit } from '../store/records.ts'

let ca: TestCa
let leaf: Buffer
let serialNumber: string
beforeAll(async () => {
  ca = await TestCa.create()
  const issued = await ca.enrol(csrPem(['dns:a.example.test']), { validity: '1h' })
  serialNumber = issued.serialNumber
  leaf = decodePem(issued.certificate, 'certificate')[0]!.der
})
afterAll(() => ca.close())

const context = () => ({ store: ca.service.store, clock: ca.clock })
const who = (bearer: string | null, peerCertificate: Buffer | null = null) =>
  authenticate({ bearer, peerCertificate }, context())
const ADMIN = { kind: 'admin' as const, id: 'admin:default', keyId: 1 }
const NAMES = [{ type: 'dns' as const, value: 'a.example.test' }]
const csr = csrPem(['dns:a.example.test'])
const token = (ttl: number) =>
  createToken({ profile: 'server', names: NAMES, ttl }, ADMIN, audit('token.create'), context())

describe('secrets', () => {
  test('are 256 random bits behind a word that says what they are', () => {
    const made = Array.from({ length: 100 }, () => newSecret('token'))
    expect(new Set(made).size).toBe(100)
    for (const secret of made)
      expect(Buffer.from(secret.slice(SECRET_PREFIX.token.length), 'base64url')).toHaveLength(32)
  })

  test('are stored as their SHA-256 alone', async () => {
    const { token: secret, tokenId } = await token(60)
    const row = await ca.service.store.read.tokenByHash(hashSecret(secret))
    expect(row?.tokenId).toBe(tokenId)
    expect(JSON.stringify(row)).not.toContain(secret)
    expect(hashSecret('abc').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  })
})

describe('who is asking', () => {
  test('an admin', async () => {
    expect(await who(ca.adminKey)).toEqual(ADMIN)
  })

  test('the bearer of a token, with all that it allows', async () => {
    const { token: secret, tokenId, expiresAt } = await token(60)
    expect(await who(secret)).toEqual({
      kind: 'token',
      id: `token:${tokenId}`,
      token: { tokenId, profile: 'server', names: NAMES, expiresAt, spentOn: null, requestId: null },
    })
  })

  test('the holder of a certificate, and a bearer secret goes before it', async () => {
    expect(await who(null, leaf)).toEqual({
      kind: 'certificate',
      id: `certificate:${serialNumber}`,
      serialNumber,
    })
    expect(await who(ca.adminKey, leaf)).toEqual(ADMIN)
    await expect(who('wrong', leaf)).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  test('nobody', async () => {
    await expect(who(null)).rejects.toMatchObject({ code: 'unauthenticated' })
    for (const secret of [
      '',
      'x',
      'chancery_admin_',
      'chancery_token_',
      ca.adminKey.toUpperCase(),
      `${ca.adminKey} `,
    ]) {
      await expect(who(secret)).rejects.toMatchObject({ code: 'unauthenticated' })
    }
  })
})

describe('a spent token', () => {
  test('is known for a day after its use, whenever it would have expired, and then no more', async () => {
    const start = ca.now
    const [early, late] = [await token(60), await token(LONGEST_TOKEN)]
    for (const { token: as } of [early, late])
      expect((await ca.call('/v1/certificates', { as, body: { csr } })).status).toBe(201)
    ca.now = start + (24 * 3600 - 1) * 1000
    for (const { token: secret } of [early, late])
      expect(await who(secret)).toMatchObject({ kind: 'token', token: { spentOn: expect.any(String) } })
    ca.now += 1000
    for (const { token: secret } of [early, late]) {
      await expect(who(secret)).rejects.toMatchObject({
        code: 'unauthenticated',
        detail: expect.stringMatching(/used up/),
      })
    }
    ca.now = start
  })
})

describe('a certificate is not taken', () => {
  test('with one bit changed, though its serial number is known', async () => {
    for (const at of [leaf.length - 1, Math.floor(leaf.length / 2)]) {
      const forged = Buffer.from(leaf)
      forged[at]! ^= 1
      await expect(who(null, forged)).rejects.toMatchObject({ code: 'unauthenticated' })
    }
    await expect(who(null, Buffer.from('nonsense'))).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  test('of the authorities themselves', async () => {
    for (const { certificate } of ca.service.authorities.all()) {
      await expect(who(null, certificate.der)).rejects.toMatchObject({ code: 'unauthenticated' })
    }
  })

  test('past its last second', async () => {
    const before = ca.now
    ca.now += 3_600_000
    expect((await who(null, leaf)).kind).toBe('certificate')
    ca.now += 1000
    await expect(who(null, leaf)).rejects.toMatchObject({ code: 'certificateExpired' })
    ca.now = before
  })
})

test('a revoked certificate fetches secrets until it has ended, and then no more', async () => {
  const issued = await ca.enrol(csrPem(['dns:gone.example.test']), { validity: '1h' })
  expect((await ca.call(`/v1/certificates/${issued.serialNumber}/revoke`, { body: {} })).status).toBe(200)
  const peerCertificate = decodePem(issued.certificate, 'certificate')[0]!.der
  const client = () => authenticateClient({ bearer: null, peerCertificate }, context())
  const before = ca.now
  ca.now = Date.parse(issued.notAfter)
  expect(await client()).toMatchObject({ kind: 'certificate', serialNumber: issued.serialNumber })
  ca.now += 1000
  await expect(client()).rejects.toMatchObject({ code: 'certificateExpired' })
  ca.now = before
})

test('a session that a certificate opened stays open where the database cannot be read for a moment', async () => {
  const admins = [{ san: 'dns:a.example.test', role: 'auditor' as const }]
  const access = new Access(context(), { admins, sessionIdle: 60, sessionVouched: 60 })
  const credential = { kind: 'certificate' as const, der: leaf }
  const { secret } = access.sessions.open({ name: 'a', holder: 'a', credential })
  const use = () => bySession(secret, { ...context(), access })
  expect((await use()).principal.kind).toBe('auditor')
  const read = vi.spyOn(ca.service.store.read, 'certificate')
  onTestFinished(() => read.mockRestore())
  read.mockRejectedValueOnce(new CaError('storeFailed', 'The database could not be read. Try again.'))
  await expect(use()).rejects.toMatchObject({ code: 'storeFailed' })
  expect((await use()).principal.kind).toBe('auditor')
})

describe('tokens', () => {
  test.for([0, -1, LONGEST_TOKEN + 1])('do not live for %d seconds', async (ttl) => {
    await expect(token(ttl)).rejects.toMatchObject({ code: 'malformedRequest' })
  })

  test('name something', async () => {
    const nameless = createToken(
      { profile: 'server', names: [], ttl: 60 },
      ADMIN,
      audit('token.create'),
      context(),
    )
    await expect(nameless).rejects.toMatchObject({
      code: 'malformedRequest',
      detail: expect.stringMatching(/at least one/),
    })
  })
})
