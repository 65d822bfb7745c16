import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { CaError } from '../../../src/errors.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { Challenge, Reply } from './client.ts'
import { newAccountKey } from './jws.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create({
    limits: { accountsPerAddress: 30, ordersPerAccount: 6, ordersPerName: 4, failuresPerName: 2 },
    validation: { patience: '0s' },
  })
})
afterAll(() => acme.close())

function waits(reply: Reply): number {
  expect(reply.headers['retry-after']).toMatch(/^[1-9][0-9]*$/)
  return Number(reply.headers['retry-after'])
}

describe('limits (RFC 8555 6.6)', () => {
  test('of orders for one account are over after the seconds that the refusal tells', async () => {
    const client = await acme.client()
    for (let order = 0; order < 6; order++)
      expect((await client.newOrder([`a${order}.test`])).status).toBe(201)
    const reply = await acme.refuses(() => client.newOrder(['a6.test']), 429, 'rateLimited', /6 an hour/)
    expect(waits(reply)).toBe(600)
    const other = await acme.client()
    expect((await other.newOrder(['a6.test'])).status).toBe(201)
    acme.ca.now += 599_000
    await acme.refuses(() => client.newOrder(['a6.test']), 429, 'rateLimited')
    acme.ca.now += 1000
    expect((await client.newOrder(['a6.test'])).status).toBe(201)
  })

  test('of orders for one name count for all accounts', async () => {
    for (let order = 0; order < 4; order++) {
      expect((await (await acme.client()).newOrder(['shared.test'])).status).toBe(201)
    }
    const client = await acme.client()
    expect(waits(await acme.refuses(() => client.newOrder(['shared.test']), 429, 'rateLimited'))).toBe(900)
  })

  test('count nothing for an order that is refused, neither for the account nor for its other names', async () => {
    const client = await acme.client()
    for (let order = 0; order < 10; order++) {
      await acme.refuses(() => client.newOrder(['fresh.test', 'shared.test']), 429, 'rateLimited')
      await acme.refuses(() => client.newOrder(['fresh.test', 'a_b.test']), 400, 'malformed')
    }
    for (let order = 0; order < 4; order++) expect((await client.newOrder(['fresh.test'])).status).toBe(201)
  })

  test('of new accounts count for key changes as well, by themselves', async () => {
    let client = await acme.client()
    const change = async () => {
      const next = newAccountKey('ES256')
      const reply = await client.keyChange(next)
      const { kid } = client
      if (reply.status === 200) client = Object.assign(acme.stranger(next), { kid })
      return reply
    }
    for (let n = 0; n < 30; n++) expect((await change()).status).toBe(200)
    expect(waits(await acme.refuses(change, 429, 'rateLimited', /key changes.*30 an hour/))).toBe(120)
    expect((await acme.stranger().newAccount()).status).toBe(201)
  })

  test('count nothing that could not be recorded', async () => {
    const client = await acme.client()
    const write = vi.spyOn(acme.ca.service.store, 'write')
    onTestFinished(() => write.mockRestore())
    const full = new CaError('overloaded', 'Too many writes are waiting.', { retryAfter: 1 })
    const whileFull = async (ask: () => Promise<Reply>) => {
      write.mockRejectedValueOnce(full)
      expect((await ask()).status).toBe(503)
    }
    const { newAuthz } = await client.directory()
    const names = ['late.test']
    const identifier = { type: 'dns', value: 'late.test' }
    for (let tried = 0; tried < 40; tried++) await whileFull(() => acme.stranger().newAccount())
    for (let tried = 0; tried < 10; tried++) {
      await whileFull(() => client.newOrder(names))
      await whileFull(() => client.post(newAuthz, { identifier }))
    }
    expect((await client.newOrder(names)).status).toBe(201)
    expect((await acme.stranger().newAccount()).status).toBe(201)
  })

  test('of failures stop a name for an account, until time has passed; what is settled is shown still', async () => {
    const client = await acme.client()
    const fail = async () => {
      const order = await client.newOrder(['localhost'])
      const url = order.json.authorizations[0]
      const { challenges } = (await client.authorization(url)).json
      const http: Challenge = challenges[0]
      return { url, http }
    }
    const settled: Challenge[] = []
    for (let failure = 0; failure < 2; failure++) {
      const { url, http } = await fail()
      await client.answer(http)
      expect((await client.settled(url)).json.status).toBe('invalid')
      settled.push(http)
    }
    const third = await fail()
    const reply = await acme.refuses(() => client.answer(third.http), 429, 'rateLimited')
    expect(waits(reply)).toBe(1800)
    expect((await client.answer(settled[0]!)).json.status).toBe('invalid')
    acme.ca.now += 1800_000
    expect((await client.answer(third.http)).status).toBe(200)
  })

  test('of accounts for one address are told before anything is made', async () => {
    acme.ca.now += 3600_000
    const made: Reply[] = []
    for (let account = 0; account < 30; account++) made.push(await acme.stranger().newAccount())
    expect(made.map(({ status }) => status)).toEqual(Array(30).fill(201))
    const stranger = acme.stranger()
    expect(waits(await acme.refuses(() => stranger.newAccount(), 429, 'rateLimited'))).toBe(120)
    await acme.refuses(() => stranger.newAccount({ onlyReturnExisting: true }), 400, 'accountDoesNotExist')
  })
})

test('there are none by default', async () => {
  const free = await AcmeCa.create()
  try {
    const client = await free.client()
    await client.obtain(['localhost'], csrDer(['dns:localhost']), free.solve)
    const replies = await Promise.all(Array.from({ length: 200 }, () => client.newOrder(['localhost'])))
    expect(replies.every(({ status }) => status === 201)).toBe(true)
  } finally {
    await free.close()
  }
})
