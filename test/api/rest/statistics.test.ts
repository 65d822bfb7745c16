import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../eventually.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
  // To noon, so that nothing here is near the end of a day.
  ca.now += (DAY + DAY / 2 - (ca.seconds % DAY)) * 1000
})
afterAll(() => ca.close())

async function days(
  query = '',
): Promise<Record<string, { issued: number; revoked: number; expiring: number }>> {
  const { status, json, text } = await ca.call(`/v1/statistics${query}`)
  expect(status, text).toBe(200)
  return Object.fromEntries(json.days.map(({ day, ...counts }: { day: string }) => [day, counts]))
}

const dayOf = (offset: number) => new Date(ca.now + offset * DAY * 1000).toISOString().slice(0, 10)

test('certificates are counted by the day of their issuance, of their end and of their revocation', async () => {
  const before = await days()
  const issue = async (validity: string) =>
    (await ca.enrol(csrPem(['dns:a.example.test']), { validity })).serialNumber
  const first = await issue('10d')
  await issue('10d')
  await issue('20d')
  ca.now += 2 * DAY * 1000
  const held = await issue('8d')
  await ca.call(`/v1/certificates/${first}/revoke`, { body: {} })
  await ca.call(`/v1/certificates/${held}/revoke`, { body: { reason: 'certificateHold' } })
  const after = await days()
  expect(Object.keys(after)).toHaveLength(61)
  const more = (day: string, kind: 'issued' | 'revoked' | 'expiring') =>
    after[day]![kind] - (before[day]?.[kind] ?? 0)
  expect(more(dayOf(-2), 'issued')).toBe(3)
  expect(more(dayOf(0), 'issued')).toBe(1)
  expect(more(dayOf(0), 'revoked')).toBe(2)
  expect(more(dayOf(-2), 'revoked')).toBe(0)
  expect(more(dayOf(8), 'expiring')).toBe(3)
  expect(more(dayOf(18), 'expiring')).toBe(1)

  await ca.call(`/v1/certificates/${held}/release`, { method: 'POST' })
  expect((await days())[dayOf(0)]!.revoked).toBe(2)
  ca.now += 61_000
  expect((await days())[dayOf(0)]!.revoked).toBe(1)
})

test('as many days as are asked for, on either side of today', async () => {
  expect(Object.keys(await days('?days=2'))).toEqual([-2, -1, 0, 1, 2].map(dayOf))
  for (const wrong of ['0', '91', '100', 'x'])
    expectProblem(await ca.call(`/v1/statistics?days=${wrong}`), 400, 'malformedRequest')
})

test('nobody but those who administer the CA is told', async () => {
  expectProblem(await ca.call('/v1/statistics', { as: null }), 401, 'unauthenticated')
  const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
  expectProblem(await ca.call('/v1/statistics', { as: token }), 403, 'forbidden')
})

test('however many ask for however many days, few places of the search thread are taken', async () => {
  const { read } = ca.service.store
  const { countDay } = read
  ca.now += 61_000
  let underWay = 0
  let most = 0
  const asked = new Set<number>()
  let times = 0
  read.countDay = async (from) => {
    most = Math.max(most, ++underWay)
    asked.add(from)
    times++
    await new Promise(setImmediate)
    return countDay(from).finally(() => underWay--)
  }
  try {
    const wishes = Array.from({ length: 90 }, (_, i) => days(`?days=${i + 1}`))
    const answers = await Promise.all(wishes)
    expect(answers.map((one) => Object.keys(one).length)).toEqual(wishes.map((_, i) => 2 * i + 3))
    expect(most).toBeLessThanOrEqual(2)
    // None is counted twice.
    expect([asked.size, times]).toEqual([181, 181])
  } finally {
    read.countDay = countDay
  }
})

test('a count that fails late takes no newer one away', async () => {
  const { read } = ca.service.store
  const { countDay } = read
  const held: { fail: (error: Error) => void; go: () => void }[] = []
  read.countDay = (from) =>
    new Promise((resolve, reject) => held.push({ fail: reject, go: () => resolve(countDay(from)) }))
  ca.now += 61_000
  try {
    const first = ca.call('/v1/statistics?days=7')
    await eventually(() => expect(held).toHaveLength(1))
    ca.now += 61_000
    const second = ca.call('/v1/statistics?days=7')
    await eventually(() => expect(held).toHaveLength(2))
    held[0]!.fail(new Error('the disk'))
    expect((await first).status).toBe(500)
    read.countDay = countDay
    held[1]!.go()
    const { status, text } = await second
    expect(status, text).toBe(200)
  } finally {
    read.countDay = countDay
  }
})
