import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../../src/pki/pem.ts'
import { type Answer, type Call, DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrDer, csrPem, type Identity, keyPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({ options: { profiles: { final: { extends: 'peer', renewal: false } } } })
  await ca.listen()
})
afterAll(() => ca.close())

interface Holder {
  readonly serialNumber: string
  readonly identity: Identity
  readonly leaf: X509Certificate
}

function holderOf({ json }: Pick<Answer, 'json'>, key: string): Holder {
  const { serialNumber, certificate, chain } = json
  return {
    serialNumber,
    identity: { key, certificate: certificate + chain.join('') },
    leaf: new X509Certificate(certificate),
  }
}

async function newHolder(
  names: readonly string[] = ['dns:a.example.test', 'ip:192.0.2.1'],
  wishes: Record<string, unknown> = {},
) {
  const key = newKey()
  const json = await ca.enrol(csrPem(names, { key, commonName: 'a.example.test' }), {
    profile: 'peer',
    ...wishes,
  })
  return holderOf({ json }, keyPem(key))
}

const renew = (serialNumber: string, call: Call & { identity?: Identity } = {}) =>
  ca.send(`/v1/certificates/${serialNumber}/renew`, call)

const see = async (serialNumber: string) => (await ca.call(`/v1/certificates/${serialNumber}`)).json

test('a shorter life that is asked for in the query counts where the body is a bare CSR or there is none', async () => {
  const { serialNumber, identity } = await newHolder()
  const ask = (query: string, call: Call & { identity?: Identity } = {}) =>
    ca.send(`/v1/certificates/${serialNumber}/renew?${query}`, { identity, ...call })
  const bare = { body: csrDer([]), headers: { 'content-type': 'application/pkcs10' } }
  for (const call of [bare, {}]) {
    const { status, json, text } = await ask('validity=1h', call)
    expect(status, text).toBe(201)
    expect(Date.parse(json.notAfter) - ca.now).toBe(3600 * 1000)
  }
  const until = new Date(ca.now + DAY * 1000).toISOString()
  expect(Date.parse((await ask(`notAfter=${until}`, bare)).json.notAfter)).toBe(ca.now + DAY * 1000)
  expectProblem(await ask('profile=client', bare), 400, 'malformedRequest', /profile/)
  const both = await ask('validity=1h', { body: { validity: '2h' } })
  expectProblem(both, 400, 'malformedRequest', /leave the query out/)
})

describe('by the certificate itself over mutual TLS', () => {
  test('without a body: the same key, subject and names, a new life', async () => {
    const old = await newHolder()
    ca.now += 30 * DAY * 1000
    const answer = await renew(old.serialNumber, { identity: old.identity })
    expect(answer.status, answer.text).toBe(201)
    const { json } = answer
    expect(answer.headers.location).toBe(`/v1/certificates/${json.serialNumber}`)
    const leaf = new X509Certificate(json.certificate)
    expect(json).toMatchObject({
      profile: 'peer',
      principal: `certificate:${old.serialNumber}`,
      replaces: old.serialNumber,
    })
    expect(json.serialNumber).not.toBe(old.serialNumber)
    expect(leaf.publicKey.equals(old.leaf.publicKey)).toBe(true)
    expect([leaf.subject, leaf.subjectAltName]).toEqual([old.leaf.subject, old.leaf.subjectAltName])
    expect(leaf.subject).toBe('CN=a.example.test')
    expect(leaf.validToDate.getTime()).toBe(ca.now + 90 * DAY * 1000)
    expect(await see(old.serialNumber)).toMatchObject({ replacedBy: json.serialNumber, state: 'valid' })
    const [row] = await ca.audit('certificate.renew')
    expect(row).toMatchObject({
      actor: `certificate:${old.serialNumber}`,
      target: json.serialNumber,
      detail: { replaces: old.serialNumber },
    })
    // The chain goes on: the new one may renew itself as well.
    const next = holderOf(answer, old.identity.key)
    expect((await renew(next.serialNumber, { identity: next.identity })).status).toBe(201)
  })

  test.for([
    ['JSON', (pem: string) => ({ csr: pem }), {}],
    ['PEM', (pem: string) => pem, { 'content-type': 'application/x-pem-file' }],
  ] as const)('with a CSR for a new key, as %s', async ([, form, headers]) => {
    const old = await newHolder()
    const key = newKey('P-384')
    // A CSR without names, or with the same in another order, changes nothing.
    for (const names of [[], ['ip:192.0.2.1', 'dns:a.example.test']]) {
      const answer = await renew(old.serialNumber, {
        identity: old.identity,
        headers,
        body: form(csrPem(names, { key })),
      })
      expect(answer.status, answer.text).toBe(201)
      const leaf = new X509Certificate(answer.json.certificate)
      expect(leaf.checkPrivateKey(key)).toBe(true)
      expect([leaf.subject, leaf.subjectAltName]).toEqual([old.leaf.subject, old.leaf.subjectAltName])
    }
  })

  test('with a CSR whose common name is no name that could be asked for, as the first one had it', async () => {
    const key = newKey()
    const csr = csrPem([], { key, commonName: 'Device 17' })
    const json = await ca.enrol(csr, { profile: 'peer', names: ['a.example.test'] })
    const { serialNumber, identity } = holderOf({ json }, keyPem(key))
    const answer = await renew(serialNumber, { identity, body: { csr } })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.json).toMatchObject({ names: { dns: ['a.example.test'] }, subject: '' })
    const other = csrPem([], { key, commonName: 'b.example.test' })
    expectProblem(await renew(serialNumber, { identity, body: { csr: other } }), 403, 'nameNotAllowed')
  })

  test('for another life, within the profile', async () => {
    const old = await newHolder()
    const answer = await renew(old.serialNumber, { identity: old.identity, body: { validity: '2h' } })
    expect(Date.parse(answer.json.notAfter)).toBe(ca.now + 7_200_000)
    const long = await renew(old.serialNumber, { identity: old.identity, body: { validity: '500d' } })
    expectProblem(long, 403, 'validityNotAllowed')
  })

  test('a client certificate is taken where its extended key usage says server alone', async () => {
    const old = await newHolder(['dns:a.example.test'], { profile: 'server' })
    expect((await renew(old.serialNumber, { identity: old.identity })).status).toBe(201)
  })

  test('with an Idempotency-Key a lost answer does not cost a second certificate', async () => {
    const old = await newHolder()
    const call = { identity: old.identity, headers: { 'idempotency-key': 'renewal' } }
    const [one, two] = [await renew(old.serialNumber, call), await renew(old.serialNumber, call)]
    expect(two.json.serialNumber).toBe(one.json.serialNumber)
  })
})

describe('refused, and nothing is written:', () => {
  async function refuse(
    answer: Promise<Answer>,
    ...[status, code, detail]: [number, Parameters<typeof expectProblem>[2], RegExp?]
  ) {
    const before = await ca.inventory()
    expectProblem(await answer, status, code, detail)
    expect(await ca.inventory()).toEqual(before)
  }

  test('other names, an unproven key, another profile', async () => {
    const { serialNumber, identity } = await newHolder()
    const other = csrPem(['dns:a.example.test', 'dns:more.example.test'])
    await refuse(
      renew(serialNumber, { identity, body: { csr: other } }),
      403,
      'nameNotAllowed',
      /keeps the names/,
    )
    const forged = csrDer([])
    forged[forged.length - 1]! ^= 1
    await refuse(
      renew(serialNumber, { identity, body: { csr: encodePem('CERTIFICATE REQUEST', forged) } }),
      400,
      'badCsrSignature',
    )
    await refuse(renew(serialNumber, { identity, body: { profile: 'client' } }), 400, 'malformedRequest')
  })

  test('another’s certificate, and one that was never issued', async () => {
    const [mine, theirs] = [await newHolder(), await newHolder()]
    await refuse(
      renew(theirs.serialNumber, { identity: mine.identity }),
      403,
      'forbidden',
      /itself and no other/,
    )
    await refuse(renew('40'.repeat(20), { identity: mine.identity }), 403, 'forbidden')
    await refuse(renew('40'.repeat(20), { body: { csr: csrPem([]) } }), 404, 'notFound')
  })

  test('a revoked one, one on hold, and an expired one', async () => {
    const { serialNumber, identity } = await newHolder()
    await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'certificateHold' } })
    await refuse(renew(serialNumber, { identity }), 403, 'certificateRevoked')
    await ca.call(`/v1/certificates/${serialNumber}/release`, { method: 'POST' })
    expect((await renew(serialNumber, { identity })).status).toBe(201)
    await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'keyCompromise' } })
    await refuse(renew(serialNumber, { identity }), 403, 'certificateRevoked', /enrol again/)
    // Not by an admin either.
    await refuse(renew(serialNumber, { body: { csr: csrPem([]) } }), 403, 'certificateRevoked')

    const short = await newHolder(undefined, { validity: '1h' })
    ca.now += 3_600_000
    expect((await renew(short.serialNumber, { identity: short.identity })).status).toBe(201)
    ca.now += 1000
    await refuse(
      renew(short.serialNumber, { identity: short.identity }),
      403,
      'certificateExpired',
      /enrol again/,
    )
    await refuse(renew(short.serialNumber, { body: { csr: csrPem([]) } }), 403, 'certificateExpired')
  })

  test('one that has not begun', async () => {
    const later = await newHolder()
    ca.now -= 3600 * 1000
    expectProblem(
      await renew(later.serialNumber, { identity: later.identity }),
      401,
      'unauthenticated',
      /not valid yet: it begins at 2/,
    )
    ca.now += 3600 * 1000
    expect((await renew(later.serialNumber, { identity: later.identity })).status).toBe(201)
  })

  test('a profile without renewal', async () => {
    const { serialNumber, identity } = await newHolder(undefined, { profile: 'final' })
    await refuse(renew(serialNumber, { identity }), 403, 'forbidden', /"final" allows no renewal/)
  })

  test('a certificate of another CA, though it bears the same serial number and names', async () => {
    const other = await TestCa.create()
    const key = newKey()
    const json = await other.enrol(csrPem(['dns:a.example.test'], { key }))
    const foreign = holderOf({ json }, keyPem(key))
    const { serialNumber } = await newHolder()
    await refuse(
      renew(serialNumber, { identity: foreign.identity }),
      401,
      'unauthenticated',
      /not issued by this CA/,
    )
    await other.close()
  })

  test('to enrol or administer with a client certificate', async () => {
    const { identity, serialNumber } = await newHolder()
    await refuse(
      ca.send('/v1/certificates', { identity, body: { csr: csrPem(['dns:a.example.test']) } }),
      403,
      'forbidden',
      /renew itself/,
    )
    await refuse(ca.send('/v1/tokens', { identity, body: { names: { dns: ['a.test'] } } }), 403, 'forbidden')
    await refuse(ca.send('/v1/certificates', { identity, method: 'GET' }), 403, 'forbidden')
    // But it may see itself.
    expect(
      (await ca.send(`/v1/certificates/${serialNumber}`, { identity, method: 'GET' })).json,
    ).toMatchObject({ serialNumber })
  })

  test('without any credentials over the same listener', async () => {
    const { serialNumber } = await newHolder()
    await refuse(renew(serialNumber, { as: null }), 401, 'unauthenticated')
  })

  test('a bearer secret that is wrong, though the client certificate is right', async () => {
    const { serialNumber, identity } = await newHolder()
    await refuse(renew(serialNumber, { identity, as: 'chancery_token_wrong' }), 401, 'unauthenticated')
  })
})

describe('without the old key', () => {
  test('an admin renews with a CSR, and not without', async () => {
    const { serialNumber, leaf } = await newHolder()
    const key = newKey()
    const answer = await renew(serialNumber, { body: { csr: csrPem([], { key }) } })
    expect(answer.json).toMatchObject({ principal: 'admin:default', replaces: serialNumber })
    expect(new X509Certificate(answer.json.certificate).subjectAltName).toBe(leaf.subjectAltName)
    expectProblem(await renew(serialNumber), 400, 'malformedCsr', /needs a CSR/)
  })

  test('a token renews what it lists, once', async () => {
    const { serialNumber } = await newHolder()
    const names = { dns: ['a.example.test'], ip: ['192.0.2.1'] }
    const wrong = await ca.token({ profile: 'peer', names: { dns: ['a.example.test'] } })
    const body = { csr: csrPem([]) }
    expectProblem(
      await renew(serialNumber, { as: wrong.token, body }),
      403,
      'nameNotAllowed',
      /does not list/,
    )
    const profile = await ca.token({ profile: 'server', names })
    expectProblem(
      await renew(serialNumber, { as: profile.token, body }),
      403,
      'forbidden',
      /profile "server"/,
    )
    const { token } = await ca.token({ profile: 'peer', names })
    expect((await renew(serialNumber, { as: token, body })).json).toMatchObject({ replaces: serialNumber })
    expectProblem(await renew(serialNumber, { as: token, body }), 403, 'tokenSpent')
  })
})
