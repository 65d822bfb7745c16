import { connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Agent } from '../../src/agent/agent.ts'
import type { Timing } from '../../src/agent/timing.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { AgentPlace, serialOf } from './agent-fixture.ts'

const HOUR = 3_600_000

/** Passes connections on to the CA, or ends them. */
async function door(port: number): Promise<{ url: string; isOpen: boolean }> {
  const state = { url: '', isOpen: true }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (!state.isOpen) return void socket.destroy()
    const beyond = connect(port, '127.0.0.1').on('error', () => socket.destroy())
    socket.pipe(beyond).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  state.url = `https://localhost:${typeof address === 'object' && address ? address.port : 0}`
  return state
}

test('hours of a certificate that lives for one: renewed in time, also through an absence of the CA, and seldom asked for', async () => {
  const place = await AgentPlace.make(temporaryDirectory())
  onTestFinished(() => place.ca.close())
  await place.giveToken()
  const ca = await door(Number(new URL(place.url).port))
  const begin = place.ca.now
  const ending = new AbortController()
  const serials = new Set<string>()
  const expired: number[] = []
  let sleeps = 0
  const timing: Timing = {
    clock: place.ca.clock,
    random: () => (sleeps * 0.618) % 1,
    async sleep(milliseconds) {
      sleeps++
      // Whatever the machine's clock does, it is looked at once a minute.
      expect(milliseconds).toBeLessThanOrEqual(60_000)
      place.ca.now += Math.max(milliseconds, 1)
      const hours = (place.ca.now - begin) / HOUR
      // From where the second renewal is due until shortly before its certificate ends.
      ca.isOpen = hours < 1.2 || hours > 1.5
      const end = agent.keepers[0]!.situation.identity!.leaf.notAfter
      if (place.ca.seconds > end) expired.push(hours)
      serials.add(serialOf(place.read('cert.pem'), place.read('key.pem')))
      if (hours > 4) ending.abort()
    },
  }
  const config = place.config({ validity: '1h' }, { services: [ca.url], refresh: '20m' })
  const log = { info() {}, warn() {}, error() {} }
  const agent = await Agent.open({ config, timing, environment: {}, log })
  await agent.run(ending.signal)
  await agent.close()
  expect(expired).toEqual([])
  expect(serials.size).toBeGreaterThanOrEqual(5)
  expect(serials.size).toBeLessThanOrEqual(8)
  const { certificate } = agent.keepers[0]!.attempts
  // Full jitter with a bound: some, and not a flood.
  expect(certificate.failed).toBeGreaterThanOrEqual(2)
  expect(certificate.failed).toBeLessThan(60)
  expect(sleeps).toBeLessThan(1500)
})
