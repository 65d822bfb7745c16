import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Offer, Outcome } from '../../bench/open-loop.ts'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { Published } from './published.ts'
import { workFolder } from './tools.ts'

const GENERATOR = new URL('../../bench/open-loop.ts', import.meta.url).pathname
const generators = new Set<ChildProcess>()
afterAll(() => {
  for (const one of generators) one.kill('SIGKILL')
})

async function offer(service: ServiceProcess, wanted: Omit<Offer, 'target'>): Promise<Outcome> {
  const ca = readFileSync(service.rootFile, 'utf8')
  const child = fork(GENERATOR, { execArgv: [] })
  generators.add(child)
  child.send({ ...wanted, target: { port: Number(new URL(service.tlsUrl).port), ca } })
  const [outcome] = (await once(child, 'message')) as [Outcome]
  return outcome
}

/** The most memory that the process has held. MB. */
function peakMemory(service: ServiceProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))![1]) / 1024
}

test('of ten times the load that it can serve, the excess is refused, and the rest is served and kept', async () => {
  const directory = workFolder()
  // Small, so that few connections can be ten times too many.
  writeFileSync(join(directory, 'chancery.yaml'), 'limits: { requests: 256, wait: 500 }\n')
  const service = await startService({ directory })
  const rest = service.rest()
  const headers = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' }
  const requests = Array.from({ length: 20 }, (_, i) => ({
    path: '/v1/certificates',
    headers,
    body: Buffer.from(JSON.stringify({ csr: newCsr(`host-${i}.example.test`) })).toString('base64'),
  }))
  const first = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
    body: { csr: newCsr('first.example.test') },
  })
  const published = await Published.of(service)

  let isOver = false
  const flood = offer(service, {
    ...{ perSecond: 20_000, seconds: 3, connections: 600, isFresh: false, requests },
  }).finally(() => {
    isOver = true
  })
  let asked = 0
  while (!isOver) {
    expect(await published.ocsp(first.serialNumber)).toBe('good')
    await published.crl()
    expect((await fetch(`${service.httpUrl}/readyz`)).status).toBe(200)
    asked++
  }
  const { statuses, refusedWithoutRetryAfter } = await flood
  expect(asked).toBeGreaterThan(3)
  expect(Object.keys(statuses).toSorted(), service.log).toEqual(['201', '503'])
  expect(refusedWithoutRetryAfter).toBe(0)
  expect(peakMemory(service)).toBeLessThan(800)
  const figures = (await rest.call('GET', '/metrics')).body.toString()
  const counted = [...figures.matchAll(/^chancery_http_requests_total\{.*status="503"\} (\d+)$/gm)]
  expect(counted.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(statuses['503'])

  const rows = await rest.all<'certificates', { names: { dns: string[] } }>(
    '/v1/certificates',
    'certificates',
  )
  const kept = rows.filter(({ names }) => /^host-/.test(names.dns[0] ?? ''))
  expect(kept).toHaveLength(statuses['201']!)
  expect(
    (await rest.call('POST', '/v1/certificates', { body: { csr: newCsr('after.example.test') } })).status,
  ).toBe(201)
  // Told of in few lines.
  expect(service.log.split('\n').filter((line) => line.includes('refused with 503')).length).toBeLessThan(10)
  rest.close()
  await service.stop()
})

test('who only shakes hands, again and again, keeps nobody out', async () => {
  const service = await startService()
  const requests = [{ method: 'GET', path: '/healthz', headers: {}, body: '' }]
  let isOver = false
  const flood = offer(service, {
    ...{ perSecond: 5000, seconds: 4, connections: 1000, isFresh: true, requests },
  }).finally(() => {
    isOver = true
  })
  const rest = service.rest()
  let served = 0
  while (!isOver) {
    const { status } = await rest.call('POST', '/v1/certificates', {
      body: { csr: newCsr('calm.example.test') },
    })
    expect(status).toBe(201)
    served++
  }
  await flood
  expect(served).toBeGreaterThan(3)
  rest.close()
  await service.stop()
})
