import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodePem } from '../../../src/pki/pem.ts'
import { csrDer, newKey } from '../requests.ts'
import { AcmeCa, errorType } from './acme-ca.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create({ validation: { patience: '1s' }, profiles: ['server', 'short-lived'] })
})
afterAll(() => acme.close())

describe('the whole way', () => {
  test('leads from a new account to a certificate chain', async () => {
    const client = await acme.client({ termsOfServiceAgreed: true, contact: ['mailto:me@example.test'] })
    const order = await client.newOrder(['localhost'])
    expect(order.status, order.text).toBe(201)
    expect(order.json).toMatchObject({
      status: 'pending',
      identifiers: [{ type: 'dns', value: 'localhost' }],
    })
    expect(order.json).not.toHaveProperty('certificate')
    await client.authorize(order, acme.solve)
    const ready = await client.settled(String(order.headers.location))
    expect(ready.json.status, ready.text).toBe('ready')
    const finalized = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    expect(finalized.status, finalized.text).toBe(200)
    expect(finalized.json.status).toBe('valid')
    expect(finalized.headers.location).toBe(order.headers.location)
    const chain = await client.download(finalized.json.certificate)
    expect(chain.headers['content-type']).toMatch(/^application\/pem-certificate-chain/)
    const [leaf, issuer, ...others] = decodePem(chain.text, 'chain').map(
      ({ der }) => new X509Certificate(der),
    )
    expect(others).toEqual([])
    expect(leaf!.subjectAltName).toBe('DNS:localhost')
    expect(leaf!.verify(issuer!.publicKey)).toBe(true)
    expect(issuer!.verify(new X509Certificate(acme.ca.rootPem).publicKey)).toBe(true)
  })

  test('has types without parameters, which clients in ejabberd and PHP compare as a whole', async () => {
    const client = await acme.client()
    const directory = await acme.ca.call('/acme/directory', { as: null })
    const order = await client.newOrder(['localhost'])
    await client.authorize(order, acme.solve)
    const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    const replies = [directory, order, done, await client.download(done.json.certificate)]
    expect(replies.map(({ headers }) => headers['content-type'])).toEqual([
      ...['application/json', 'application/json', 'application/json'],
      'application/pem-certificate-chain',
    ])
  })

  test('is short where the name is proven already', async () => {
    const client = await acme.client()
    await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
    const again = await client.newOrder(['localhost'])
    expect(again.json.status).toBe('ready')
    const finalized = await client.finalize(again.json.finalize, csrDer(['dns:localhost']))
    expect(finalized.json.status).toBe('valid')
  })

  test('is open to addresses', async () => {
    const client = await acme.client()
    const chain = await client.obtain(
      [{ type: 'ip', value: '127.0.0.1' }],
      csrDer(['ip:127.0.0.1']),
      acme.solve,
    )
    expect(chain.status, chain.text).toBe(200)
    expect(new X509Certificate(chain.text).subjectAltName).toBe('IP Address:127.0.0.1')
  })

  test('gives the profile that was ordered', async () => {
    const client = await acme.client()
    const order = await client.newOrder(['localhost'], { profile: 'short-lived' })
    expect(order.json.profile).toBe('short-lived')
    await client.authorize(order, acme.solve)
    const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    const { text } = await client.download(done.json.certificate)
    const { validToDate, validFromDate } = new X509Certificate(text)
    expect(validToDate.getTime() - validFromDate.getTime()).toBeLessThan(8 * 86_400_000)
    expect(errorType((await client.newOrder(['localhost'], { profile: 'client' })).json)).toBe(
      'invalidProfile',
    )
  })
})

test('what is wrong in validation ends authorization and order, and says what was found', async () => {
  const client = await acme.client()
  const order = await client.newOrder(['localhost'])
  // Nothing is there: 404, and once more a second later.
  await client.authorize(order, () => {})
  const failed = await client.postAsGet(String(order.headers.location))
  expect(failed.json).toMatchObject({ status: 'invalid', error: { detail: expect.stringContaining('404') } })
  expect([...acme.asked.values()]).toContain(2)
})

test('a revocation by account, by key, and by another account that has proven the name', async () => {
  const client = await acme.client()
  const key = newKey()
  const leafOf = async (one = client, ownKey = key) => {
    const { text } = await one.obtain(['localhost'], csrDer(['dns:localhost'], { key: ownKey }), acme.solve)
    return decodePem(text, 'chain')[0]!.der
  }
  const first = await leafOf()
  expect((await client.revoke(first, { reason: 4 })).status).toBe(200)
  expect(errorType((await client.revoke(first)).json)).toBe('alreadyRevoked')

  const other = await acme.client()
  const second = await leafOf()
  expect(errorType((await other.revoke(second)).json)).toBe('unauthorized')
  await leafOf(other, newKey())
  expect((await other.revoke(second)).status).toBe(200)
})
