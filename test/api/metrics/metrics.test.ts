import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildHttpApp, buildMetricsApp } from '../../../src/app.ts'
import { stapleRequest } from '../../../src/ocsp/staple.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'
import { increase, type Metrics, readMetrics } from './exposition.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: { profiles: { careful: { extends: 'server', approval: 'always' } } },
  })
})
afterAll(() => ca.close())

const scrape = async () => readMetrics((await ca.call('/metrics')).text)
/** What grew while something was done. */
async function grown(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await scrape()
  await work()
  return increase(before, await scrape(), /^chancery_(issuance|ocsp|acme)\w*_total/)
}

describe('who may read', () => {
  test('admins, over TLS', async () => {
    const answer = await ca.call('/metrics')
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(answer.headers['cache-control']).toBe('no-store')
    expectProblem(await ca.call('/metrics', { as: null }), 401, 'unauthenticated')
    const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
    expectProblem(await ca.call('/metrics', { as: token }), 403, 'forbidden')
  })

  test('nobody over the plain listener, unless that is wished', async () => {
    expectProblem(await ca.call('/metrics', {}, ca.http), 404, 'notFound')
    const { service, logger } = ca
    const config = { ...service.config, metrics: { ...service.config.metrics, public: true } }
    const app = buildHttpApp(Object.assign(Object.create(service), { config }), logger)
    expect((await ca.call('/metrics', { as: null }, app)).status).toBe(200)
    await app.close()
  })

  test('whoever reaches the listener that is for nothing else', async () => {
    const app = buildMetricsApp(ca.service, ca.logger)
    for (const path of ['/metrics', '/healthz', '/readyz'])
      expect((await ca.call(path, { as: null }, app)).status).toBe(200)
    expectProblem(await ca.call('/bundles/roots.pem', { as: null }, app), 404, 'notFound')
    await app.close()
  })
})

describe('what is counted', () => {
  test('issuance by profile, protocol and result; refusals by their code', async () => {
    const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
    const csr = csrPem(['dns:a.example.test'])
    const headers = { 'idempotency-key': 'once' }
    const enrol = (as?: string, body: Record<string, unknown> = {}, more = {}) =>
      ca.call('/v1/certificates', { ...(as ? { as } : {}), body: { csr, ...body }, headers: more })
    const counts = await grown(async () => {
      expect((await enrol(token, {}, headers)).status).toBe(201)
      expect((await enrol(token, {}, headers)).status).toBe(201)
      expect((await enrol(token)).status).toBe(403)
      expect((await enrol(undefined, { profile: 'short-lived' })).status).toBe(201)
      expect((await enrol(undefined, { profile: 'a stranger’s own words' })).status).toBe(400)
      expect((await enrol(undefined, { csr: 'nothing' })).status).toBe(400)
    })
    expect(counts).toEqual({
      'chancery_issuance_total{profile="server",protocol="rest",result="issued"}': 1,
      'chancery_issuance_total{profile="server",protocol="rest",result="replayed"}': 1,
      'chancery_issuance_total{profile="server",protocol="rest",result="refused"}': 2,
      'chancery_issuance_total{profile="short-lived",protocol="rest",result="issued"}': 1,
      'chancery_issuance_total{profile="none",protocol="rest",result="refused"}': 1,
      'chancery_issuance_refusals_total{protocol="rest",code="tokenSpent"}': 1,
      'chancery_issuance_refusals_total{protocol="rest",code="unknownProfile"}': 1,
      'chancery_issuance_refusals_total{protocol="rest",code="malformedPem"}': 1,
    })
  })

  test('a request that waits, until it is approved', async () => {
    const { token } = await ca.token({ profile: 'careful', names: { dns: ['b.example.test'] } })
    const counts = await grown(async () => {
      const body = { csr: csrPem(['dns:b.example.test']) }
      const waits = await ca.call('/v1/certificates', { as: token, body })
      expect(waits.status).toBe(202)
      expect((await scrape()).get('chancery_approvals_pending')).toBe(1)
      const approved = await ca.call(`/v1/requests/${waits.json.id}/approve`, { body: {} })
      expect(approved.status, approved.text).toBe(201)
      expect((await scrape()).get('chancery_approvals_pending')).toBe(0)
    })
    expect(counts).toEqual({
      'chancery_issuance_total{profile="careful",protocol="rest",result="pending"}': 1,
      'chancery_issuance_total{profile="careful",protocol="rest",result="issued"}': 1,
    })
  })

  test('what the embedding application and the service itself ask for', async () => {
    const { service } = ca
    const counts = await grown(async () => {
      const read = () => {
        throw new Error('nothing to read')
      }
      const admin = { kind: 'admin', id: 'admin:test' } as const
      await expect(service.issuer.issue(read, admin, { address: '', requestId: '' })).rejects.toThrow()
    })
    expect(counts).toEqual({
      'chancery_issuance_total{profile="server",protocol="library",result="failed"}': 1,
      'chancery_issuance_refusals_total{protocol="library",code="internal"}': 1,
    })
  })

  test('OCSP by status, and by how the answer was come by', async () => {
    const { serialNumber } = await ca.enrol(csrPem(['dns:c.example.test']))
    const issuer = ca.service.authorities.issuing()
    const ask = (body: Buffer) =>
      ca.call('/ocsp', { as: null, body, headers: { 'content-type': 'application/ocsp-request' } }, ca.http)
    const request = stapleRequest(issuer, serialNumber)
    const counts = await grown(async () => {
      await ask(request)
      await ask(request)
      await ask(stapleRequest(issuer, serialNumber, 'sha256'))
      await ask(stapleRequest(issuer, '40'.repeat(20)))
      await ask(Buffer.from('nothing'))
      await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
      await ask(request)
      // Not for a relying party.
      await ca.call(`/v1/certificates/${serialNumber}/ocsp`)
    })
    expect(counts).toEqual({
      'chancery_ocsp_responses_total{status="good",cache="miss"}': 2,
      'chancery_ocsp_responses_total{status="good",cache="hit"}': 1,
      'chancery_ocsp_responses_total{status="unauthorized",cache="none"}': 1,
      'chancery_ocsp_responses_total{status="malformedRequest",cache="none"}': 1,
      'chancery_ocsp_responses_total{status="revoked",cache="hit"}': 1,
    })
  })

  test('HTTP by route, and never by what a stranger asked for', async () => {
    const before = await scrape()
    await ca.call('/healthz', { as: null })
    await ca.call('/nowhere/at/all', { as: null })
    await ca.call('/crl/%zz', { as: null })
    await ca.call('/crl/intermediate.crl', { as: null }, ca.http)
    await ca.call('/v1/certificates/0123')
    const after = await scrape()
    expect(increase(before, after, /^chancery_http_requests_total/)).toEqual({
      'chancery_http_requests_total{route="/healthz",method="GET",status="200"}': 1,
      'chancery_http_requests_total{route="none",method="any",status="404"}': 1,
      'chancery_http_requests_total{route="none",method="any",status="400"}': 1,
      'chancery_http_requests_total{route="/crl/:authority.crl",method="GET",status="200"}': 1,
      'chancery_http_requests_total{route="/v1/certificates/:serial",method="GET",status="404"}': 1,
      'chancery_http_requests_total{route="/metrics",method="GET",status="200"}': 1,
    })
    expect(increase(before, after, /^chancery_http_request_duration_seconds_count/)).toEqual({
      'chancery_http_request_duration_seconds_count{part="operations"}': 2,
      'chancery_http_request_duration_seconds_count{part="other"}': 2,
      'chancery_http_request_duration_seconds_count{part="crl"}': 1,
      'chancery_http_request_duration_seconds_count{part="rest"}': 1,
    })
  })

  test('each commit of the writer, and how many writes shared it', async () => {
    const before = await scrape()
    await ca.enrol(csrPem(['dns:d.example.test']))
    const after = await scrape()
    for (const name of ['commit_duration_seconds', 'batch_duration_seconds', 'batch_size'])
      expect(delta(before, after, `chancery_writer_${name}_count`), name).toBe(1)
    expect(delta(before, after, 'chancery_writer_batch_size_sum')).toBe(1)
    expect(delta(before, after, 'chancery_writer_batch_duration_seconds_sum')).toBeGreaterThanOrEqual(
      delta(before, after, 'chancery_writer_commit_duration_seconds_sum'),
    )
    expect(after.get('chancery_writer_queue_commands')).toBe(0)
    expect(after.get('chancery_writer_queue_limit_commands')).toBe(4096)
  })
})

test('what lapses is told in seconds, and comes nearer with the clock', async () => {
  const { service } = ca
  const before = await scrape()
  const was = ca.now
  const crl = service.crl.current('intermediate')!
  const full = '{authority="intermediate",kind="full"}'
  expect(before.get(`chancery_crl_seconds_to_next_update${full}`)).toBe(crl.nextUpdate - ca.seconds)
  expect(before.get(`chancery_crl_age_seconds${full}`)).toBe(ca.seconds - crl.thisUpdate)
  expect(before.get(`chancery_crl_size_bytes${full}`)).toBe(crl.der.length)
  expect(before.get(`chancery_crl_entries${full}`)).toBe(crl.entries)
  ca.now += 8 * DAY * 1000
  const after = await scrape()
  const shift = (name: string) => delta(before, after, name)
  expect(shift(`chancery_crl_seconds_to_next_update${full}`)).toBe(-8 * DAY)
  expect(shift(`chancery_crl_age_seconds${full}`)).toBe(8 * DAY)
  for (const [id, labels] of [
    ['intermediate', 'role="issuing",state="active"'],
    ['root', 'role="root",state="active"'],
  ])
    expect(shift(`chancery_authority_seconds_to_expiry{authority="${id}",${labels}}`)).toBe(-8 * DAY)
  expect(after.get('chancery_ready{part="crl:intermediate"}')).toBe(0)
  expect(after.get('chancery_attention{part="crl:intermediate"}')).toBe(1)
  expect(before.get('chancery_ready{part="crl:intermediate"}')).toBe(1)
  ca.now = was
})

test('what cannot be read is left out, and the rest is there', async () => {
  const { read } = ca.service.store
  const whole = read.countPendingRequests
  read.countPendingRequests = () => Promise.reject(new Error('disk'))
  try {
    const answer = await ca.call('/metrics')
    expect(answer.status).toBe(200)
    expect(readMetrics(answer.text).has('chancery_approvals_pending')).toBe(false)
    expect(readMetrics(answer.text).get('chancery_writer_healthy')).toBe(1)
  } finally {
    read.countPendingRequests = whole
  }
})

test('two services in one process have each their own figures', async () => {
  const other = await TestCa.create()
  try {
    await other.enrol(csrPem(['dns:e.example.test']))
    const metrics = readMetrics((await other.call('/metrics')).text)
    expect(metrics.get('chancery_issuance_total{profile="server",protocol="rest",result="issued"}')).toBe(1)
  } finally {
    await other.close()
  }
})

function delta(before: Metrics, after: Metrics, name: string): number {
  expect(after.has(name), name).toBe(true)
  return after.get(name)! - (before.get(name) ?? 0)
}
