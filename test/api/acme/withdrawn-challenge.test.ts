import { afterEach, beforeEach, expect, test } from 'vitest'
import { decodePem } from '../../../src/pki/pem.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { AcmeClient } from './client.ts'

let challenges: string[]
let acme: AcmeCa
let client: AcmeClient
beforeEach(async () => {
  challenges = ['tls-alpn-01', 'http-01']
  acme = await AcmeCa.create({ challenges })
  client = await acme.client()
})
afterEach(() => acme.close())

/** As the configuration is at the next start. */
async function withdrawHttp(): Promise<void> {
  challenges.pop()
  await acme.ca.reopen()
  client.forgetNonces()
}

test('a name that was proven by a challenge that is not offered any more is to be proven anew', async () => {
  await client.authorize(await client.newOrder(['localhost']), acme.solve)
  expect((await client.newOrder(['localhost'])).json.status).toBe('ready')
  await withdrawHttp()
  expect((await client.newOrder(['localhost'])).json.status).toBe('pending')
})

test('a challenge that is not offered any more proves nothing, and says so', async () => {
  const order = await client.newOrder(['localhost'])
  await withdrawHttp()
  await client.authorize(order, acme.solve)
  const { json } = await client.authorization(order.json.authorizations[0])
  expect(json).toMatchObject({
    status: 'invalid',
    challenges: [{ type: 'http-01', error: { detail: expect.stringMatching(/not offered any more/) } }],
  })
  const [{ token }] = json.challenges
  expect(acme.asked.has(token)).toBe(false)
})

test('an order that was ready by it gets no certificate', async () => {
  const order = await client.newOrder(['localhost'])
  await client.authorize(order, acme.solve)
  await withdrawHttp()
  await acme.refuses(
    () => client.finalize(order.json.finalize, csrDer(['dns:localhost'])),
    403,
    'unauthorized',
    /by http-01, which is not offered any more/,
  )
})

test('what was proven by it revokes no certificate of another account', async () => {
  const { text } = await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
  const { der } = decodePem(text, 'chain')[0]!
  const other = await acme.client()
  await other.authorize(await other.newOrder(['localhost']), acme.solve)
  await withdrawHttp()
  other.forgetNonces()
  await acme.refuses(() => other.revoke(der), 403, 'unauthorized')
  expect((await client.revoke(der)).status).toBe(200)
})
