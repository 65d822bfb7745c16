import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { eventually } from '../../eventually.ts'
import { hanging } from '../../store/hung-writer.ts'
import { AcmeCa } from './acme-ca.ts'
import type { Challenge, Reply } from './client.ts'

vi.mock('../../../src/store/threads.ts', async (original) => {
  const { hangingThreads } = await import('../../store/hung-writer.ts')
  return hangingThreads(await original())
})

let acme: AcmeCa
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  acme = await AcmeCa.create()
})
afterEach(async () => {
  vi.useRealTimers()
  await acme.close()
})

test('a challenge that was begun while the disk hung is looked at once the disk goes on', async () => {
  const client = await acme.client()
  const order = await client.newOrder(['localhost'])
  const url: string = order.json.authorizations[0]
  const http: Challenge = (await client.authorization(url)).json.challenges[0]
  acme.answers.set(http.token!, client.keyAuthorization(http.token!))
  hanging.hang()
  let refusal: Reply | undefined
  void client.answer(http).then((reply) => {
    refusal = reply
  })
  await eventually(() => {
    vi.advanceTimersByTime(1000)
    expect(refusal).toBeDefined()
  })
  expect(refusal!.status).toBe(503)
  expect(acme.asked.size).toBe(0)
  hanging.goOn()
  // Whether the client tries again or not.
  await eventually(async () => expect((await client.authorization(url)).json.status).toBe('valid'))
})
