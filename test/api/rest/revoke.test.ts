import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CaError } from '../../../src/errors.ts'
import { readCrl } from '../../crl/published.ts'
import { readAnswer } from '../../ocsp/answer.ts'
import { certId, ocspRequest } from '../../ocsp/ocsp-request.ts'
import { type Call, DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem, keyPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
  await ca.listen()
})
afterAll(() => ca.close())

async function issue(wishes: Record<string, unknown> = {}, name = 'dns:r.example.test'): Promise<string> {
  return (await ca.enrol(csrPem([name]), wishes)).serialNumber
}
const revoke = (serialNumber: string, body: unknown = {}, call: Call = {}) =>
  ca.call(`/v1/certificates/${serialNumber}/revoke`, { ...call, body })
const release = (serialNumber: string, call: Call = {}) =>
  ca.call(`/v1/certificates/${serialNumber}/release`, { ...call, method: 'POST' })

/** What relying parties are told over plain HTTP, right now. */
async function told(serialNumber: string) {
  const authority = ca.service.authorities.issuing()
  const payload = ocspRequest([certId(authority.certificate, serialNumber)])
  const headers = { 'content-type': 'application/ocsp-request' }
  const ocsp = await ca.call('/ocsp', { as: null, body: payload, headers }, ca.http)
  const [single] = readAnswer(ocsp.body, authority).singles
  const crl = await ca.call('/crl/intermediate.crl', { as: null }, ca.http)
  const listed = readCrl(crl.body, authority).serialNumbers?.includes(serialNumber) ?? false
  return {
    ocsp: single?.status,
    reason: single?.reason ?? null,
    revokedAt: single?.revokedAt ?? null,
    listed,
  }
}
const GOOD = { ocsp: 'good', reason: null, revokedAt: null, listed: false }

describe('a revocation', () => {
  test.for([
    ['unspecified', null],
    ['keyCompromise', 1],
    ['cACompromise', 2],
    ['affiliationChanged', 3],
    ['superseded', 4],
    ['cessationOfOperation', 5],
    ['certificateHold', 6],
    ['privilegeWithdrawn', 9],
    ['aACompromise', 10],
  ] as const)('for %s shows in OCSP and CRL with the response', async ([reason, code]) => {
    const serialNumber = await issue()
    expect(await told(serialNumber)).toEqual(GOOD)
    const answer = await revoke(serialNumber, { reason })
    expect(answer.status).toBe(200)
    const revokedAt = ca.clock().toISOString().replace('.000', '')
    const revocation = { reason, revokedAt, invalidityDate: null }
    expect(answer.json).toEqual({ serialNumber, authority: 'intermediate', changed: true, revocation })
    expect(await told(serialNumber)).toEqual({
      ocsp: 'revoked',
      reason: code,
      revokedAt: ca.seconds,
      listed: true,
    })
    const state = reason === 'certificateHold' ? 'held' : 'revoked'
    expect((await ca.call(`/v1/certificates/${serialNumber}`)).json).toMatchObject({ state, revocation })
  })

  test('without a reason is unspecified, and the reason is read in any case', async () => {
    const [one, two] = [await issue(), await issue()]
    expect((await ca.call(`/v1/certificates/${one}/revoke`, { method: 'POST' })).json.revocation.reason).toBe(
      'unspecified',
    )
    expect((await revoke(two, { reason: 'KEYCOMPROMISE' })).json.revocation.reason).toBe('keyCompromise')
  })

  test('tells when the key was lost', async () => {
    const serialNumber = await issue()
    const answer = await revoke(serialNumber, {
      reason: 'keyCompromise',
      invalidityDate: '2026-01-02T03:04:05Z',
    })
    expect(answer.json.revocation.invalidityDate).toBe('2026-01-02T03:04:05Z')
  })

  test.for([
    ['that an offset leads out of the year 9999', () => '9999-12-31T23:59:59-23:59'],
    ['that an offset leads before 1970', () => '1970-01-01T00:00:00+00:01'],
    ['in the future', () => new Date(ca.now + 1000).toISOString()],
    ['before 1970', () => '1969-12-31T23:59:59Z'],
  ] as [string, () => string][])(
    'with an invalidityDate %s is refused, and nothing is broken by it',
    async ([, date]) => {
      const serialNumber = await issue()
      const body = { reason: 'keyCompromise', invalidityDate: date() }
      expectProblem(await revoke(serialNumber, body), 400, 'malformedRequest', /1970/)
      const bulk = { filter: { name: 'r.example.test' }, dryRun: false, ...body }
      expectProblem(await ca.call('/v1/certificates/revoke', { body: bulk }), 400, 'malformedRequest', /1970/)
      expect(await told(serialNumber)).toEqual(GOOD)
      expect((await ca.call('/v1/certificates')).status).toBe(200)
    },
  )

  test('may say that the key was lost this second', async () => {
    const invalidityDate = ca.clock().toISOString().replace('.000', '')
    expect((await revoke(await issue(), { invalidityDate })).json.revocation.invalidityDate).toBe(
      invalidityDate,
    )
  })

  test('a second time is 200 with the first facts, and no second audit row', async () => {
    const serialNumber = await issue()
    const first = await revoke(serialNumber, { reason: 'superseded' })
    ca.now += 60_000
    const again = await revoke(serialNumber, { reason: 'keyCompromise' })
    expect(again.status).toBe(200)
    expect(again.json).toEqual({ ...first.json, changed: false })
    expect((await told(serialNumber)).reason).toBe(4)
    const rows = (await ca.audit('certificate.revoke')).filter(({ target }) => target === serialNumber)
    expect(rows).toMatchObject([{ actor: 'admin:default', result: 'ok', detail: { reason: 4 } }])
  })

  test('fifty at once all stand, and each shows', async () => {
    const serials = await Promise.all(Array.from({ length: 50 }, () => issue()))
    const answers = await Promise.all(serials.map((one) => revoke(one)))
    expect(answers.every(({ status, json }) => status === 200 && json.changed)).toBe(true)
    for (const one of serials) expect(await told(one)).toMatchObject({ ocsp: 'revoked', listed: true })
  })
})

describe('a hold', () => {
  test('is lifted, and then all is as before', async () => {
    const serialNumber = await issue()
    await revoke(serialNumber, { reason: 'certificateHold' })
    const answer = await release(serialNumber)
    expect(answer.json).toEqual({ serialNumber, authority: 'intermediate', changed: true, revocation: null })
    expect(await told(serialNumber)).toEqual(GOOD)
    expect((await ca.audit('certificate.release'))[0]).toMatchObject({
      target: serialNumber,
      actor: 'admin:default',
    })
    expectProblem(await release(serialNumber), 409, 'notOnHold')
  })

  test('can become a revocation for ever', async () => {
    const serialNumber = await issue()
    await revoke(serialNumber, { reason: 'certificateHold' })
    ca.now += 60_000
    const hardened = await revoke(serialNumber, { reason: 'keyCompromise' })
    expect(hardened.json).toMatchObject({ changed: true, revocation: { reason: 'keyCompromise' } })
    expect(await told(serialNumber)).toEqual({
      ocsp: 'revoked',
      reason: 1,
      revokedAt: ca.seconds,
      listed: true,
    })
    expectProblem(await release(serialNumber), 409, 'notOnHold')
    expect((await told(serialNumber)).ocsp).toBe('revoked')
  })
})

describe('refused:', () => {
  test.for(['removeFromCRL', 'nonsense', '1', ''])('the reason "%s"', async (reason) => {
    const serialNumber = await issue()
    expectProblem(
      await revoke(serialNumber, { reason }),
      400,
      'malformedRequest',
      /Known: unspecified, keyCompromise/,
    )
    expect(await told(serialNumber)).toEqual(GOOD)
  })

  test('a serial number that was never issued', async () => {
    for (const never of ['40'.repeat(20), '00', '1']) expectProblem(await revoke(never), 404, 'notFound')
    expectProblem(await release('40'.repeat(20)), 404, 'notFound')
    const { serialNumber } = ca.service.authorities.issuing().certificate
    expectProblem(await revoke(serialNumber), 404, 'notFound')
  })

  test('by a token, or by nobody', async () => {
    const serialNumber = await issue()
    const { token } = await ca.token({ names: { dns: ['r.example.test'] } })
    expectProblem(
      await revoke(serialNumber, {}, { as: token }),
      403,
      'forbidden',
      /admin key, or the certificate itself/,
    )
    expectProblem(await revoke(serialNumber, {}, { as: null }), 401, 'unauthenticated')
    expectProblem(await release(serialNumber, { as: token }), 403, 'forbidden')
    expect(await told(serialNumber)).toEqual(GOOD)
  })
})

test('a reason may be its code, if it is one', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:code.example.test']))
  const path = `/v1/certificates/${serialNumber}/revoke`
  expectProblem(await ca.call(path, { body: { reason: 7 } }), 400, 'malformedRequest')
  expect((await ca.call(path, { body: { reason: 1 } })).json.revocation).toMatchObject({
    reason: 'keyCompromise',
  })
})

describe('the holder over mutual TLS', () => {
  async function holder() {
    const key = newKey()
    const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:own.example.test'], { key }))
    return { serialNumber, identity: { key: keyPem(key), certificate } }
  }

  test('revokes itself, and may then do nothing more', async () => {
    const { serialNumber, identity } = await holder()
    const path = `/v1/certificates/${serialNumber}/revoke`
    const answer = await ca.send(path, { identity, body: { reason: 'keyCompromise' } })
    expect(answer.json).toMatchObject({ changed: true })
    expect(await told(serialNumber)).toMatchObject({ ocsp: 'revoked', listed: true })
    expect((await ca.audit('certificate.revoke'))[0]).toMatchObject({ actor: `certificate:${serialNumber}` })
    expectProblem(await ca.send(path, { identity, body: {} }), 403, 'certificateRevoked')
  })

  test('revokes no other, lifts no hold, and revokes nothing in bulk', async () => {
    const { identity, serialNumber } = await holder()
    const other = await issue()
    expectProblem(
      await ca.send(`/v1/certificates/${other}/revoke`, { identity, body: {} }),
      403,
      'forbidden',
      /itself and no other/,
    )
    expectProblem(await ca.send(`/v1/certificates/${serialNumber}/release`, { identity }), 403, 'forbidden')
    const bulk = { filter: { profile: 'server' }, dryRun: false }
    expectProblem(await ca.send('/v1/certificates/revoke', { identity, body: bulk }), 403, 'forbidden')
    expect(await told(other)).toEqual(GOOD)
  })

  test.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.test' },
    { origin: 'null' },
  ])('not for a page of another site, to which a browser lends the certificate: %j', async (headers) => {
    const { identity, serialNumber } = await holder()
    const path = `/v1/certificates/${serialNumber}/revoke`
    expectProblem(await ca.send(path, { identity, headers, body: {} }), 403, 'forbidden')
    expect((await ca.call(`/v1/certificates/${serialNumber}`, { method: 'GET' })).json.state).toBe('valid')
  })
})

describe('in bulk', () => {
  const bulk = (body: object, call: Call = {}) => ca.call('/v1/certificates/revoke', { ...call, body })

  test('once more after an answer was lost tells OCSP and CRLs of what is on record since', async () => {
    const serialNumber = await issue({}, 'dns:lost.example.test')
    expect(await told(serialNumber)).toEqual(GOOD)
    const { store } = ca.service
    const write = store.write
    store.write = async (kind, input) => {
      await write(kind, input)
      throw new CaError('storeFailed', 'The writer failed before it answered.')
    }
    const body = { filter: { name: 'lost.example.test' }, dryRun: false }
    try {
      expectProblem(await bulk(body), 503, 'storeFailed')
    } finally {
      store.write = write
    }
    expect((await bulk(body)).json).toMatchObject({ matched: 1, revoked: 0 })
    expect(await told(serialNumber)).toMatchObject({ ocsp: 'revoked', listed: true })
  })

  test('a dry run first, then all that match and no other', async () => {
    const filter = { profile: 'peer', name: '*.bulk.test' }
    const serials = []
    for (let n = 0; n < 25; n++) serials.push(await issue({ profile: 'peer' }, `dns:n${n}.bulk.test`))
    const others = [
      await issue({ profile: 'server' }, 'dns:n.bulk.test'),
      await issue({ profile: 'peer' }, 'dns:bulk.example.test'),
    ]
    const before = await ca.inventory()

    const dry = await bulk({ filter, reason: 'superseded' })
    expect(dry.json).toMatchObject({ dryRun: true, matched: 25, revoked: 0 })
    expect(dry.json.serialNumbers).toHaveLength(20)
    expect(serials).toEqual(expect.arrayContaining(dry.json.serialNumbers))
    expect(await ca.inventory()).toEqual(before)

    await revoke(serials[3]!, { reason: 'keyCompromise' })
    const real = await bulk({ filter, reason: 'superseded', dryRun: false })
    expect(real.json).toMatchObject({ dryRun: false, matched: 25, revoked: 24 })
    for (const one of serials) expect(await told(one)).toMatchObject({ ocsp: 'revoked', listed: true })
    expect((await told(serials[3]!)).reason).toBe(1)
    for (const one of others) expect(await told(one)).toEqual(GOOD)
    expect((await bulk({ filter, dryRun: false })).json.revoked).toBe(0)
  })

  test('by an address, however it is written', async () => {
    const serialNumber = await issue({}, 'ip:2001:db8::b1')
    const { json } = await bulk({ filter: { name: '2001:DB8:0::B1' } })
    expect(json).toMatchObject({ matched: 1, serialNumbers: [serialNumber] })
  })

  test('by time of issue', async () => {
    ca.now += 3_600_000
    const early = await issue({}, 'dns:early.test')
    ca.now += 3_600_000
    const issuedBefore = ca.clock().toISOString()
    const late = await issue({}, 'dns:late.test')
    const issuedAfter = new Date(ca.now - 3_700_000).toISOString()
    const { json } = await bulk({ filter: { issuedBefore, issuedAfter }, dryRun: false })
    expect(json.revoked).toBe(1)
    expect([(await told(early)).ocsp, (await told(late)).ocsp]).toEqual(['revoked', 'good'])
  })

  test.for([
    ['no filter', {}],
    ['an empty filter', { filter: {} }],
    ['an unknown key', { filter: { serialNumber: '40' } }],
    ['a time that is none', { filter: { issuedBefore: 'yesterday' } }],
    ['a reason that is none', { filter: { profile: 'server' }, reason: 'removeFromCRL', dryRun: false }],
    ['dryRun as text', { filter: { profile: 'server' }, dryRun: 'false' }],
  ] as const)('refused with %s', async ([, body]) => {
    const before = await ca.inventory()
    expectProblem(await bulk(body), 400, 'malformedRequest')
    expect(await ca.inventory()).toEqual(before)
  })

  test('is for admins', async () => {
    const { token } = await ca.token({ names: { dns: ['r.example.test'] } })
    expectProblem(
      await bulk({ filter: { profile: 'server' }, dryRun: false }, { as: token }),
      403,
      'forbidden',
    )
  })
})

test('below an authority that has ended a hold is set and lifted without a fault in the log: nobody needs another CRL', async () => {
  const ended = await TestCa.create({ intermediate: { validity: 10 * DAY } })
  const { serialNumber } = await ended.enrol(csrPem(['dns:r.example.test']))
  ended.now += 11 * DAY * 1000
  const path = `/v1/certificates/${serialNumber}`
  const held = await ended.call(`${path}/revoke`, { body: { reason: 'certificateHold' } })
  expect(held.status, held.text).toBe(200)
  expect((await ended.call(`${path}/release`, { method: 'POST' })).status).toBe(200)
  expect(ended.log.filter((line) => JSON.parse(line).level >= 50)).toEqual([])
  await ended.close()
})
