import { afterAll, beforeAll, expect, test } from 'vitest'
import { AcmeCa } from '../acme/acme-ca.ts'
import { expectProblem } from '../ca-fixture.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create()
})
afterAll(() => acme.close())

const get = (path: string) => acme.ca.call(`/v1/acme/accounts${path}`)
const idOf = (kid: string | undefined) => Number(kid!.split('/').at(-1))

test('an account is shown with what it told, and with the key that it was bound with', async () => {
  const free = await acme.client({ termsOfServiceAgreed: true, contact: ['mailto:Me@Example.Test'] })
  const id = idOf(free.kid)
  const now = new Date(acme.ca.now).toISOString().replace('.000', '')
  expect((await get(`/${id}`)).json).toEqual({
    id,
    status: 'valid',
    contacts: ['mailto:Me@example.test'],
    thumbprint: free.key.thumbprint,
    termsAgreedAt: now,
    externalKey: null,
    createdAt: now,
    createdFrom: '127.0.0.1',
  })

  const made = await acme.ca.call('/v1/acme/eab-keys', {
    body: { names: ['example.test'], singleUse: false },
  })
  const { kid, hmacKey } = made.json
  const bound: number[] = []
  for (let n = 0; n < 2; n++) {
    const client = acme.stranger()
    const externalAccountBinding = await client.externalAccountBinding(kid, Buffer.from(hmacKey, 'base64url'))
    expect((await client.newAccount({ externalAccountBinding })).status).toBe(201)
    bound.unshift(idOf(client.kid))
  }
  expect((await get(`/${bound[0]}`)).json).toMatchObject({
    termsAgreedAt: null,
    externalKey: { kid, profiles: null, names: ['example.test'] },
  })
  const ids = (json: { accounts: { id: number }[] }) => json.accounts.map((one) => one.id)
  expect(ids((await get(`?externalKey=${kid}`)).json)).toEqual(bound)
  const first = (await get(`?externalKey=${kid}&limit=1`)).json
  expect(ids(first)).toEqual(bound.slice(0, 1))
  expect((await get(`?externalKey=${kid}&limit=1&after=${first.next}`)).json).toMatchObject({
    accounts: [{ id: bound[1] }],
    next: null,
  })
  expect(ids((await get('')).json)).toEqual([...bound, id])
  expect((await get('?externalKey=nothing')).json).toEqual({ accounts: [], next: null })
})

test('an account is ended once, and it is written down who did it', async () => {
  const client = await acme.client()
  const id = idOf(client.kid)
  const end = (of: number | string = id) =>
    acme.ca.call(`/v1/acme/accounts/${of}/deactivate`, { method: 'POST' })
  const ended = await end()
  expect(ended.json).toMatchObject({ id, status: 'revoked', changed: true })
  expect((await end()).json).toMatchObject({ id, status: 'revoked', changed: false })
  expect(await acme.ca.audit('account.revoke')).toMatchObject([
    { actor: 'admin:default', target: `account:${id}`, result: 'ok' },
  ])
  expectProblem(await end(999_999), 404, 'notFound')
  expectProblem(await end('x'), 400, 'malformedRequest')
  expectProblem(await get('/999999'), 404, 'notFound')
})

test('what its holder has ended stays as it is', async () => {
  const client = await acme.client()
  await client.post(client.kid!, { status: 'deactivated' })
  const ended = await acme.ca.call(`/v1/acme/accounts/${idOf(client.kid)}/deactivate`, { method: 'POST' })
  expect(ended.json).toMatchObject({ status: 'deactivated', changed: false })
})
