import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, TestCa } from '../ca-fixture.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

test('the list has everybody, the newest first and page by page, and no password', async () => {
  for (const body of [
    { name: 'plain' },
    { name: 'bound', names: ['example.test', '10.0.0.0/8'] },
    { name: 'brief', ttl: '1h' },
    { name: 'revoked' },
    { name: 'last' },
  ])
    expect((await ca.call('/v1/est/users', { body })).json.password).toEqual(expect.any(String))
  await ca.call('/v1/est/users/revoked', { method: 'DELETE' })
  ca.now += 3600 * 1000

  const users: Record<string, unknown>[] = []
  const sizes: number[] = []
  let after = ''
  do {
    const { json } = await ca.call(`/v1/est/users?limit=2${after && `&after=${after}`}`)
    sizes.push(json.users.length)
    users.push(...json.users)
    after = json.next
  } while (after)
  expect(sizes).toEqual([2, 2, 1])
  expect(users.map(({ name, state }) => [name, state])).toEqual([
    ['last', 'open'],
    ['revoked', 'revoked'],
    ['brief', 'expired'],
    ['bound', 'open'],
    ['plain', 'open'],
  ])
  expect(users[3]).toMatchObject({ label: null, names: ['example.test', '10.0.0.0/8'] })
  for (const user of users)
    expect(Object.keys(user).sort()).toEqual([
      'createdAt',
      'createdBy',
      'expiresAt',
      'label',
      'name',
      'names',
      'state',
    ])
})

test('a cursor of another list is refused', async () => {
  for (let count = 0; count < 2; count++) await ca.token({ names: ['dns:web.example.test'] })
  const { next } = (await ca.call('/v1/tokens?limit=1')).json
  expect(next).toEqual(expect.any(String))
  const answer = await ca.call(`/v1/est/users?after=${next}`)
  expectProblem(answer, 400, 'malformedRequest', /page cursor was not made for this listing/)
})
