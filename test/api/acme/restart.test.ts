import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../eventually.ts'
import { DAY } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa, expectRefusal } from './acme-ca.ts'
import type { AcmeClient, Challenge } from './client.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create({ validation: { patience: '1m' } })
})
afterAll(() => acme.close())

async function begun(client: AcmeClient) {
  const order = await client.newOrder(['localhost'])
  const url: string = order.json.authorizations[0]
  const http: Challenge = (await client.authorization(url)).json.challenges[0]
  await client.answer(http)
  await eventually(() => expect(acme.asked.has(http.token!)).toBe(true))
  return { order, url, http }
}

test('a challenge that is processing says when to come again, and is taken up after a restart', async () => {
  const client = await acme.client()
  const { order, url, http } = await begun(client)
  const waiting = await client.authorization(url)
  expect(waiting.json.status).toBe('pending')
  expect(waiting.headers['retry-after']).toMatch(/^[1-9][0-9]*$/)
  acme.answers.set(http.token!, client.keyAuthorization(http.token!))
  await acme.ca.reopen()
  client.forgetNonces()
  expect((await client.settled(url)).json.status).toBe('valid')
  const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
  expect(done.json.status, done.text).toBe('valid')
})

test('a challenge whose authorization is deactivated asks nobody any more, after a restart neither', async () => {
  const client = await acme.client()
  const { url, http } = await begun(client)
  await client.post(url, { status: 'deactivated' })
  const { read } = acme.ca.service.store
  const asked = acme.asked.get(http.token!)
  await eventually(async () => expect(await read.processingAcmeChallenges(0, 10)).toEqual([]))
  await acme.ca.reopen()
  client.forgetNonces()
  const other = await acme.client()
  await other.authorize(await other.newOrder(['localhost']), acme.solve)
  expect(acme.asked.get(http.token!)).toBe(asked)
  const { json, headers } = await client.authorization(url)
  expect(json.status).toBe('deactivated')
  expect(headers).not.toHaveProperty('retry-after')
  expect((await client.newOrder(['localhost'])).json.status).toBe('pending')
})

test('the sweep removes what has been over for a week, and nothing else', async () => {
  const client = await acme.client()
  const first = await client.newOrder(['localhost'])
  await client.authorize(first, acme.solve)
  await client.finalize(first.json.finalize, csrDer(['dns:localhost']))
  const open = await client.newOrder(['other.test'])
  const ids = [first, open].map(({ headers }) => Number(String(headers.location).split('/').at(-1)))
  const { store } = acme.ca.service
  const sweep = async () => {
    while ((await store.write('sweepAcme', { now: acme.ca.seconds, limit: 1 })).more);
    return Promise.all([
      ...ids.map(async (id) => (await store.read.acmeOrder(id)) !== null),
      ...[first, open].map(async ({ json }) => {
        const id = Number(json.authorizations[0].split('/').at(-1))
        return (await store.read.acmeAuthorization(id)) !== null
      }),
    ])
  }
  expect(await sweep()).toEqual([true, true, true, true])
  acme.ca.now += 8 * DAY * 1000
  expect(await sweep()).toEqual([true, true, true, true])
  acme.ca.now += 1000
  // The order that was never finalised, and what was to be proven for it.
  expect(await sweep()).toEqual([true, false, true, false])
  acme.ca.now += 29 * DAY * 1000
  // The proof is worth nothing any more; the order says who may revoke the certificate.
  expect(await sweep()).toEqual([true, false, false, false])
  client.forgetNonces()
  const { json } = await client.postAsGet(String(first.headers.location))
  expect(json).toMatchObject({ status: 'valid', authorizations: first.json.authorizations })
  expectRefusal(await client.authorization(json.authorizations[0]), 404, 'malformed')
  const [row] = await acme.ca.certificates()
  acme.ca.now = (row!.notAfter + 7 * DAY) * 1000
  expect(await sweep()).toEqual([true, false, false, false])
  acme.ca.now += 1000
  expect(await sweep()).toEqual([false, false, false, false])
})
