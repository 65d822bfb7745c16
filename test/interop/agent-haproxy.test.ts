import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { missing } from '../scenario/tools.ts'
import { AgentProcess, refusesRevoked, servesThroughChange, untilStapled } from './agent.ts'
import { visit } from './handshake.ts'
import { NEW_HAPROXY, newHaproxyIsMissing } from './haproxy.ts'
import { InteropCa, type Member } from './members.ts'
import { adapted, block } from './page.ts'
import { ProxyProcess, until } from './proxy.ts'

let ca: InteropCa
let alice: Member
beforeAll(async () => {
  // Without a cache each staple is a new one.
  ca = await InteropCa.start('ocsp: { cacheEntries: 0 }')
  alice = await ca.enrol('alice.example.test', 'client')
})
afterAll(() => ca?.rest.close())

const PROGRAMS = [
  ['HAProxy', 'haproxy', missing('haproxy')],
  ['HAProxy 2.8', NEW_HAPROXY, newHaproxyIsMissing()],
] as const

for (const [name, program, isMissing] of PROGRAMS)
  test.skipIf(isMissing)(
    `the agent brings renewals, staples and CRLs into a running ${name}, which drops no connection`,
    async () => {
      const port = await freePort()
      const folder = join(ca.folder, String(port))
      mkdirSync(folder)
      const file = (one: string) => join(folder, one)
      const places = {
        '/etc/haproxy/tls': file('tls'),
        '/run/haproxy/admin.sock': file('admin.sock'),
      }
      const agent = await AgentProcess.make(ca, 'haproxy', folder, places)
      agent.start()
      await agent.untilWritten('web.pem', 'web.pem.ocsp', 'roots.pem', 'crls.pem')
      writeFileSync(
        file('haproxy.cfg'),
        adapted(block('../agent', 'haproxy.cfg'), { ...places, '0.0.0.0:443': `127.0.0.1:${port}` }),
      )
      const haproxy = new ProxyProcess(program, ['-f', file('haproxy.cfg'), '-db'], folder)
      const target = { port, root: ca.root, identity: alice }
      await untilStapled(target, haproxy)
      const traffic = await servesThroughChange(agent, target, haproxy, agent.serialIn('web.pem'))
      expect(traffic.closed).toBe(0)
      console.log(`${name}: ${traffic.connections} connections, ${traffic.kept} requests over kept ones`)

      await refusesRevoked(ca, agent, target, haproxy)

      // An old HAProxy takes no certificate after a CRL, and would die of new roots: it must be reloaded, and lives until then.
      const last = agent.serialIn('web.pem')
      await agent.callForRenewal(last)
      await until(
        () => visit(target),
        ({ serialNumber }) => serialNumber !== last || agent.log.includes('its issue 3165'),
        haproxy,
      )
      expect(haproxy.hasEnded).toBe(false)
      await agent.stop()
      await haproxy.stop()
    },
  )
