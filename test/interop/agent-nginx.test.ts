import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { startService } from '../scenario/harness.ts'
import { missing } from '../scenario/tools.ts'
import { AgentProcess, servesThroughChange, untilStapled } from './agent.ts'
import { visit } from './handshake.ts'
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

async function startNginx(folder: string) {
  const port = await freePort()
  const file = (name: string) => join(folder, name)
  mkdirSync(file('logs'), { recursive: true })
  const server = adapted(block('../agent', 'nginx.conf'), {
    '443 ssl': `127.0.0.1:${port} ssl`,
    '/etc/nginx/tls': file('tls'),
  })
  writeFileSync(
    file('nginx.conf'),
    `daemon off; worker_processes 1; pid ${file('nginx.pid')}; error_log stderr notice;
     events {}
     http { access_log off; client_body_temp_path ${file('t1')}; proxy_temp_path ${file('t2')};
       fastcgi_temp_path ${file('t3')}; uwsgi_temp_path ${file('t4')}; scgi_temp_path ${file('t5')};
       ${server} }\n`,
  )
  return { port, nginx: new ProxyProcess('nginx', ['-p', folder, '-c', file('nginx.conf')], folder) }
}

/** nginx lets the worker before accept for another 100 ms once the next one does: whoever came first may be given either certificate. */
function hasOneWorker({ output }: ProxyProcess): boolean {
  const count = (message: RegExp) => output.match(message)?.length ?? 0
  const started = count(/start worker process \d+/g)
  // Each reload is told of before its worker is there.
  return started === 1 + count(/: reconfiguring/g) && started - count(/worker process \d+ exited/g) === 1
}

describe.skipIf(missing('nginx'))('the agent and nginx', () => {
  test('a renewal and a new staple reach clients without a connection that is dropped', async () => {
    const { folder } = ca
    const agent = await AgentProcess.make(ca, 'nginx', folder, {
      '/etc/nginx/tls': join(folder, 'tls'),
      '/run/nginx.pid': join(folder, 'nginx.pid'),
    })
    agent.start()
    await agent.untilWritten('web.pem', 'web.key', 'web.ocsp', 'roots.pem', 'crls.pem')
    const first = agent.serialIn('web.pem')
    const { port, nginx } = await startNginx(folder)
    const target = { port, root: ca.root, identity: alice }
    await untilStapled(target, nginx)
    const traffic = await servesThroughChange(agent, target, nginx, first)
    console.log(`nginx: ${traffic.connections} connections, ${traffic.kept} requests over kept ones`)
    await until(async () => nginx, hasOneWorker, nginx)

    // The CA goes away and comes back: what there is goes on meanwhile.
    const { tlsUrl, httpUrl, directory } = ca.service
    await ca.service.stop()
    agent.hurry()
    await until(
      async () => agent.log,
      (log) => log.includes('Nothing listens at'),
    )
    const last = agent.serialIn('web.pem')
    expect(await visit(target)).toMatchObject({ answered: true, staple: 'good', serialNumber: last })
    const again = await startService({
      directory,
      environment: {
        CHANCERY_TLS_PORT: new URL(tlsUrl).port,
        CHANCERY_HTTP_PORT: new URL(httpUrl).port,
      },
    })
    const rest = again.rest()
    await agent.callForRenewal(last, rest)
    await until(
      () => visit(target),
      ({ answered, staple, serialNumber }) => answered && staple === 'good' && serialNumber !== last,
      nginx,
    )
    rest.close()
    await agent.stop()
    await nginx.stop()
  })
})
