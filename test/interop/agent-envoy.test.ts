import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { AgentProcess, refusesRevoked, servesThroughChange, untilStapled } from './agent.ts'
import { envoyIsMissing, startEnvoy, watchesFiles } from './envoy.ts'
import { InteropCa, type Member } from './members.ts'

let ca: InteropCa
let alice: Member
beforeAll(async () => {
  // Without a cache each staple is a new one.
  ca = await InteropCa.start('ocsp: { cacheEntries: 0 }')
  alice = await ca.enrol('alice.example.test', 'client')
})
afterAll(() => ca?.rest.close())

test.skipIf(envoyIsMissing())(
  'Envoy takes renewals, staples and CRLs from the agent’s files, and drops no connection',
  async () => {
    const port = await freePort()
    const folder = join(ca.folder, 'sds')
    mkdirSync(folder)
    const agent = await AgentProcess.make(ca, 'envoy', ca.folder, { '/etc/envoy/sds': folder })
    agent.start()
    await agent.untilWritten('server.json', 'peers.json', 'web.pem')
    const { tlsUrl } = ca.service
    const place = {
      port,
      folder: ca.folder,
      tlsUrl,
      write: (name: string, text: string) => ca.write(name, text),
    }
    const envoy = startEnvoy(place, (config) => watchesFiles(config, folder))
    const target = { port, root: ca.root, identity: alice }
    await untilStapled(target, envoy)
    const traffic = await servesThroughChange(agent, target, envoy, agent.serialIn('web.pem'))
    expect(traffic.closed).toBe(0)
    console.log(`Envoy: ${traffic.connections} connections, ${traffic.kept} requests over kept ones`)

    await refusesRevoked(ca, agent, target, envoy)
    await agent.stop()
    await envoy.stop()
  },
)
