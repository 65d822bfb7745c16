import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acmeRoutes } from '../../../src/api/acme/routes.ts'
import { answer } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa, expectRefusal } from './acme-ca.ts'
import { AcmeClient, type Message } from './client.ts'

describe('where an address is configured', () => {
  let acme: AcmeCa
  beforeAll(async () => {
    acme = await AcmeCa.create({ url: 'https://CA.Example.test:443' })
  })
  afterAll(() => acme.close())

  test('it stands in its plain spelling, whatever Host there is', async () => {
    for (const host of ['localhost', 'elsewhere.test']) {
      const { json } = await acme.ca.call('/acme/directory', { as: null, headers: { host } })
      expect(json.newAccount).toBe('https://ca.example.test/acme/new-account')
    }
  })

  test('requests are signed for it', async () => {
    const client = await acme.client()
    expect(client.kid).toMatch(/^https:\/\/ca\.example\.test\/acme\/account\/[0-9]+$/)
    const url = 'https://localhost:80/acme/new-order'
    await acme.refuses(() => client.newOrder(['localhost'], {}, { header: { url } }), 403, 'unauthorized')
  })
})

describe('under a prefix', () => {
  let acme: AcmeCa
  const app = Fastify()
  const send = async (path: string, { method, headers, body }: Message) => {
    const payload = body === undefined ? {} : { payload: body }
    const reply = await app.inject({ method, url: path, headers, ...payload })
    return answer(reply.statusCode, reply.headers, reply.rawPayload)
  }
  const stranger = () => new AcmeClient(send, { directory: '/ca/acme/directory' })
  beforeAll(async () => {
    acme = await AcmeCa.create()
    app.register(acmeRoutes, { service: acme.ca.service, prefix: '/ca' })
  })
  afterAll(async () => {
    await app.close()
    await acme.close()
  })

  test('every address has it, and leads to a certificate', async () => {
    const client = stranger()
    const made = await client.newAccount()
    expect(made.status, made.text).toBe(201)
    expect(client.kid).toMatch(/\/ca\/acme\/account\/[0-9]+$/)
    expect(String(made.headers.link)).toBe('<https://localhost:80/ca/acme/directory>;rel="index"')
    const chain = await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
    expect(chain.text).toMatch(/^-----BEGIN CERTIFICATE-----/)
  })

  test('refusals are the same', async () => {
    const client = stranger()
    await client.newAccount()
    expectRefusal(
      await send('/ca/acme/new-order', { method: 'PUT', headers: {}, as: null }),
      405,
      'malformed',
    )
    expectRefusal(await client.postAsGet(`${client.kid}/nothing`), 404, 'malformed', /\/ca\/acme\/account\//)
    const header = { kid: client.kid!.replace('/ca/', '/') }
    expectRefusal(await client.newOrder(['localhost'], {}, { header }), 400, 'accountDoesNotExist')
  })
})

test('a target in absolute form is read, and says which Host is meant (RFC 9112 3.2.2)', async () => {
  const acme = await AcmeCa.create()
  try {
    const origin = `https://localhost:${await acme.ca.listen()}`
    const client = new AcmeClient((path, message) => {
      const headers = { ...message.headers, host: 'elsewhere.test' }
      return acme.ca.send(`${origin}${path}`, { ...message, headers })
    })
    const made = await client.newAccount()
    expect(made.status, made.text).toBe(201)
    expect(client.kid).toMatch(new RegExp(`^${origin}/acme/account/[0-9]+$`))
    const orders = await client.postAsGet(`${client.kid}/orders?cursor=`)
    expectRefusal(orders, 400, 'malformed', /cursor/)
  } finally {
    await acme.close()
  }
})
