import { expect, onTestFinished, test } from 'vitest'
import { listenForQuestions } from '../../src/agent/listener.ts'
import { DAY } from '../api/ca-fixture.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { AgentPlace } from './agent-fixture.ts'

test('healthz says which certificate is not well, and metrics count days and attempts', async () => {
  const place = await AgentPlace.make(temporaryDirectory())
  onTestFinished(() => place.ca.close())
  const signal = new AbortController().signal
  await place.with(async (agent) => {
    const listener = await listenForQuestions(agent, { host: '127.0.0.1', port: 0 }, place.timing)
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${listener.port}${path}`)
      return { status: answer.status, text: await answer.text() }
    }
    await agent.once(signal)
    const bad = await ask('/healthz')
    expect(bad.status).toBe(503)
    expect(JSON.parse(bad.text)).toEqual({
      status: 'failing',
      certificates: { web: ['there is no certificate yet'] },
    })
    await place.giveToken()
    agent.hurry()
    await agent.once(signal)
    expect(await ask('/healthz')).toMatchObject({
      status: 200,
      text: expect.stringContaining('"status":"ok"'),
    })
    place.advance(10 * DAY)
    const { text } = await ask('/metrics')
    const value = (name: string, labels: string) =>
      Number(new RegExp(`^chancery_agent_${name}\\{${labels}\\} (\\S+)$`, 'm').exec(text)?.[1])
    expect(value('days_to_expiry', 'certificate="web"')).toBeCloseTo(80, 0)
    expect(value('healthy', 'certificate="web"')).toBe(1)
    expect(value('attempts_total', 'certificate="web",work="certificate"')).toBe(2)
    expect(value('failures_total', 'certificate="web",work="certificate"')).toBe(1)
    expect(value('last_renewal_timestamp_seconds', 'certificate="web"')).toBe(place.ca.seconds - 10 * DAY)
    expect((await ask('/other')).status).toBe(404)
    await listener.close()
  })
})
