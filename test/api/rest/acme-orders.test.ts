import { afterAll, beforeAll, expect, test } from 'vitest'
import { AcmeCa } from '../acme/acme-ca.ts'
import { DAY, expectProblem } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create({ validation: { patience: '0s' } })
})
afterAll(() => acme.close())

const get = (path: string) => acme.ca.call(`/v1/acme/orders${path}`)
const idOf = (url: unknown) => Number(String(url).split('/').at(-1))
const ids = (json: { orders: { id: number }[] }) => json.orders.map((one) => one.id)

test('an order is shown from its making to its certificate', async () => {
  const client = await acme.client()
  const order = await client.newOrder(['localhost', { type: 'ip', value: '127.0.0.1' }])
  const id = idOf(order.headers.location)
  const time = (milliseconds: number) => new Date(milliseconds).toISOString().replace('.000', '')
  const fresh = (await get(`/${id}`)).json
  expect(fresh).toMatchObject({
    id,
    account: idOf(client.kid),
    status: 'pending',
    names: { dns: ['localhost'], ip: ['127.0.0.1'], email: [], uri: [] },
    profile: 'server',
    notBefore: null,
    notAfter: null,
    createdAt: time(acme.ca.now),
    expiresAt: time(acme.ca.now + DAY * 1000),
    error: null,
    certificate: null,
  })
  expect(fresh.authorizations).toMatchObject([
    { name: 'dns:localhost', wildcard: false, subdomains: false, status: 'pending' },
    { name: 'ip:127.0.0.1', status: 'pending' },
  ])
  // Not even the token, which is no secret but nobody's business.
  expect(Object.keys(fresh.authorizations[0].challenges[0])).toEqual([
    'type',
    'status',
    'attempts',
    'validatedAt',
    'error',
  ])
  await client.authorize(order, acme.solve)
  const ready = (await get(`/${id}`)).json
  expect(ready.status).toBe('ready')
  expect(ready.authorizations[0].challenges).toContainEqual({
    type: 'http-01',
    status: 'valid',
    attempts: 1,
    validatedAt: time(acme.ca.now),
    error: null,
  })
  await client.finalize(order.json.finalize, csrDer(['dns:localhost', 'ip:127.0.0.1']))
  const done = (await get(`/${id}`)).json
  expect(done.status).toBe('valid')
  const { json } = await acme.ca.call(`/v1/certificates/${done.certificate}`)
  expect(json).toMatchObject({ principal: `account:${idOf(client.kid)}` })
})

test('an order that failed says what was found', async () => {
  const client = await acme.client()
  const order = await client.newOrder(['localhost'])
  await client.authorize(order, () => {})
  const problem = {
    type: expect.stringContaining('urn:ietf:params:acme:error:'),
    detail: expect.stringContaining('404'),
  }
  const failed = (await get(`/${idOf(order.headers.location)}`)).json
  expect(failed).toMatchObject({ status: 'invalid', error: problem })
  expect(failed.authorizations[0]).toMatchObject({ status: 'invalid' })
  expect(failed.authorizations[0].challenges).toContainEqual(
    expect.objectContaining({ type: 'http-01', status: 'invalid', error: expect.objectContaining(problem) }),
  )
})

test('the time that is over shows', async () => {
  const client = await acme.client()
  const id = idOf((await client.newOrder(['localhost'])).headers.location)
  acme.ca.now += DAY * 1000
  const late = (await get(`/${id}`)).json
  const error = { detail: expect.stringMatching(/expired/) }
  expect(late).toMatchObject({ status: 'invalid', error, authorizations: [{ status: 'expired' }] })
})

test('the list is that of all accounts or of one, by pages', async () => {
  const [one, other] = [await acme.client(), await acme.client()]
  const made: number[] = []
  for (const client of [one, other, one])
    made.unshift(idOf((await client.newOrder(['localhost'])).headers.location))
  expect(ids((await get('?limit=3')).json)).toEqual(made)
  const own = `?account=${idOf(one.kid)}`
  expect(ids((await get(own)).json)).toEqual([made[0], made[2]])
  const first = (await get(`${own}&limit=1`)).json
  expect(ids((await get(`${own}&limit=1&after=${first.next}`)).json)).toEqual([made[2]])
  expect((await get('?account=999999')).json).toEqual({ orders: [], next: null })
  expectProblem(await get('?account=x'), 400, 'malformedRequest')
  expectProblem(await get('/999999'), 404, 'notFound')
})
