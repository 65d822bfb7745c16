import { fork } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { lockState } from '../../src/agent/lock.ts'
import { temporaryDirectory } from '../config/temporary.ts'

let state: string
beforeEach(() => {
  state = join(temporaryDirectory(), 'state')
})
const HOLDER = new URL('./holding-lock.ts', import.meta.url).pathname

test('one agent holds it, and another can once it has let go', async () => {
  const letGo = await lockState(state)
  await expect(lockState(state)).rejects.toMatchObject({ code: 'conflict' })
  await letGo()
  expect(readdirSync(state)).toEqual([])
  await (await lockState(state))()
})

test('of many that find a dead one at the same moment, one holds it', { timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const dead = fork(HOLDER, [state], { execArgv: [] })
    await once(dead, 'message')
    dead.kill('SIGKILL')
    await once(dead, 'exit')
    const tried = await Promise.allSettled(Array.from({ length: 20 }, () => lockState(state)))
    const held = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    expect(held).toHaveLength(1)
    for (const one of tried)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' })
    expect(readdirSync(state)).toHaveLength(1)
    await held[0]!()
  }
})

test('a number that was taken and left behind meanwhile does not count beside a higher one', async () => {
  const letGo = await lockState(state)
  const [held] = readdirSync(state)
  // Another agent, which found number 1 free long ago: as if it had been taken, left and removed meanwhile.
  linkSync(join(state, held!), join(state, 'agent.lock.7'))
  rmSync(join(state, held!))
  await expect(lockState(state)).rejects.toMatchObject({ code: 'conflict' })
  await letGo()
})

test('what answers to the name is an agent, whatever it says', async () => {
  await (await lockState(state))()
  const server = createServer().listen(join(state, 'agent.lock.3'))
  await once(server, 'listening')
  await expect(lockState(state)).rejects.toMatchObject({ code: 'conflict' })
  server.close()
  await once(server, 'close')
})
