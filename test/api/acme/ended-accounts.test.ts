import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodePem } from '../../../src/pki/pem.ts'
import { csrDer, newKey } from '../requests.ts'
import { AcmeCa, errorType } from './acme-ca.ts'
import type { AcmeClient, Reply } from './client.ts'
import { accountKey, newAccountKey } from './jws.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create()
})
afterAll(() => acme.close())

/** RFC 8555 7.3.6: this type, and this status where the account itself signs. */
function expectEnded(reply: Reply, status = 401): void {
  expect({ status: reply.status, type: errorType(reply.json) }, reply.text).toEqual({
    status,
    type: 'unauthorized',
  })
}

/** An account with a certificate, an order that is ready, and one that is pending. */
async function busy() {
  const client = await acme.client()
  const key = newKey()
  const chain = await client.obtain(['localhost'], csrDer(['dns:localhost'], { key }), acme.solve)
  const ready = await client.newOrder(['localhost'])
  expect(ready.json.status).toBe('ready')
  const pending = await client.newOrder(['localhost', 'other.example.test'])
  const [certificate] = decodePem(chain.text, 'chain')
  return { client, key, ready, pending, der: certificate!.der }
}

async function expectNothingWorks(
  client: AcmeClient,
  { ready, pending, der }: Awaited<ReturnType<typeof busy>>,
): Promise<void> {
  expectEnded(await client.newOrder(['localhost']))
  expectEnded(await client.postAsGet(client.kid!))
  expectEnded(await client.postAsGet(`${client.kid}/orders`))
  expectEnded(await client.post(client.kid!, { contact: [] }))
  expectEnded(await client.post(client.kid!, { status: 'valid' }))
  expectEnded(await client.postAsGet(String(ready.headers.location)))
  expectEnded(await client.finalize(ready.json.finalize, csrDer(['dns:localhost'])))
  expectEnded(await client.authorization(pending.json.authorizations.at(-1)))
  expectEnded(await client.keyChange(newAccountKey()))
  expectEnded(await client.revoke(der))
  const { newAuthz } = await client.directory()
  expectEnded(await client.post(newAuthz, { identifier: { type: 'dns', value: 'localhost' } }))
  // Its key opens no other account either: Ansible reads the status and the word.
  for (const fields of [{}, { onlyReturnExisting: true }]) {
    const reply = await client.newAccount(fields)
    expectEnded(reply, 403)
    expect(reply.json.detail).toMatch(/\bdeactivated\b/)
  }
}

test.each(['deactivated', 'revoked'] as const)('an account that is %s can do nothing', async (status) => {
  const state = await busy()
  const { client, ready, pending, key, der } = state
  const id = client.kid!.split('/').at(-1)!
  if (status === 'deactivated') {
    expect((await client.post(client.kid!, { status })).json.status).toBe(status)
  } else {
    const ended = await acme.ca.call(`/v1/acme/accounts/${id}/deactivate`, { method: 'POST' })
    expect(ended.json).toMatchObject({ status, changed: true })
  }
  await expectNothingWorks(client, state)
  for (const order of [ready, pending]) {
    const path = `/v1/acme/orders/${String(order.headers.location).split('/').at(-1)}`
    expect((await acme.ca.call(path)).json).toMatchObject({
      ...{ status: 'invalid', certificate: null },
      error: { detail: `The account of the order was ${status}.`, status: 401 },
    })
  }
  // Whoever holds the certificate's key may still revoke it (RFC 8555 7.6).
  const holder = accountKey('ES256', key)
  expect((await client.revoke(der, {}, { identify: 'jwk', key: holder })).status).toBe(200)
})
