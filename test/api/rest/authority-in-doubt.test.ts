import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { eventually } from '../../eventually.ts'
import { hanging } from '../../store/hung-writer.ts'
import { type Answer, type Call, expectProblem, TestCa } from '../ca-fixture.ts'
import { newAuthority } from '../new-authority.ts'

vi.mock('../../../src/store/threads.ts', async (original) => {
  const { hangingThreads } = await import('../../store/hung-writer.ts')
  return hangingThreads(await original())
})

let ca: TestCa
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  ca = await TestCa.create()
})
afterEach(async () => {
  vi.useRealTimers()
  await ca.close()
})

/** While the disk hangs, until it counts as hung. */
async function whileHung(url: string, call: Call): Promise<void> {
  hanging.hang()
  let answer: Answer | undefined
  const asked = ca.call(url, call).then((given) => {
    answer = given
  })
  await eventually(() => {
    vi.advanceTimersByTime(1000)
    expect(answer).toBeDefined()
  })
  await asked
  expectProblem(answer!, 503, 'storeFailed', /may or may not/)
}

const phase = (id: string) => ca.service.authorities.get(id)?.state
const retire = { body: { phase: 'retired', force: ['successor'] } }

test('an authority that was retired while the disk hung issues nothing once the disk goes on', async () => {
  await newAuthority(ca, 'next')
  await whileHung('/v1/authorities/next/phase', retire)
  expect(phase('next')).toBe('active')
  hanging.goOn()
  await eventually(() => expect(phase('next')).toBe('retired'))
})

test('the key of an authority stays where the authority may be recorded later', async () => {
  const key = join(ca.directory, 'keys', 'next.key.pem')
  await whileHung('/v1/authorities', { body: { id: 'next', subject: 'CN=next' } })
  hanging.goOn()
  await eventually(async () => expect((await ca.call('/v1/authorities/next')).status).toBe(200))
  expect(existsSync(key)).toBe(true)
})

test('a change that is on record and could not be taken over at once is taken over later', async () => {
  await newAuthority(ca, 'next')
  const key = join(ca.directory, 'keys', 'intermediate.key.pem')
  chmodSync(key, 0o644)
  expect((await ca.call('/v1/authorities/next/phase', retire)).text).toContain('chmod 600')
  expect((await ca.call('/v1/authorities/next')).json.state).toBe('retired')
  expect(phase('next')).toBe('active')
  chmodSync(key, 0o600)
  await eventually(() => {
    vi.advanceTimersByTime(1000)
    expect(phase('next')).toBe('retired')
  })
})
