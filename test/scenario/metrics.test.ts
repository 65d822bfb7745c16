import { expect, test } from 'vitest'
import { increase, readMetrics } from '../api/metrics/exposition.ts'
import { freePort } from '../free-port.ts'
import { newCsr } from './csr.ts'
import { startService } from './harness.ts'

test('a process that is scraped before and after known traffic has counted exactly that', async () => {
  const port = await freePort()
  const service = await startService({ environment: { CHANCERY_METRICS_PORT: String(port) } })
  const rest = service.rest()
  const scrape = async () => readMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  expect((await fetch(`${service.httpUrl}/metrics`)).status).toBe(404)
  expect((await rest.call('GET', '/metrics', { bearer: null })).status).toBe(401)
  expect((await rest.call('GET', '/metrics')).status).toBe(200)

  const before = await scrape()
  expect(
    before.get('chancery_issuance_total{profile="chancery-tls",protocol="system",result="issued"}'),
  ).toBe(1)
  const serials: string[] = []
  for (let n = 0; n < 25; n++) {
    const made = await rest.call('POST', '/v1/certificates', {
      body: { csr: newCsr(`host-${n}.example.test`) },
    })
    expect(made.status).toBe(201)
    serials.push(JSON.parse(made.body.toString()).serialNumber)
  }
  for (let n = 0; n < 5; n++) {
    const body = { csr: newCsr(`host-${n}.example.test`), profile: 'none such' }
    expect((await rest.call('POST', '/v1/certificates', { body })).status).toBe(400)
  }
  for (const serial of serials.slice(0, 4))
    expect((await rest.call('POST', `/v1/certificates/${serial}/revoke`, { body: {} })).status).toBe(200)
  const nothing = await fetch(`${service.httpUrl}/ocsp`, { method: 'POST', body: 'nothing' })
  expect(nothing.status).toBe(200)
  for (let n = 0; n < 7; n++) await (await fetch(`${service.httpUrl}/crl/intermediate.crl`)).arrayBuffer()
  const after = await scrape()

  expect(increase(before, after, /^chancery_(issuance\w*|http_requests|ocsp\w*)_total/)).toEqual({
    'chancery_issuance_total{profile="server",protocol="rest",result="issued"}': 25,
    'chancery_issuance_total{profile="none",protocol="rest",result="refused"}': 5,
    'chancery_issuance_refusals_total{protocol="rest",code="unknownProfile"}': 5,
    'chancery_http_requests_total{route="/v1/certificates",method="POST",status="201"}': 25,
    'chancery_http_requests_total{route="/v1/certificates",method="POST",status="400"}': 5,
    'chancery_http_requests_total{route="/v1/certificates/:serial/revoke",method="POST",status="200"}': 4,
    'chancery_http_requests_total{route="/ocsp",method="POST",status="200"}': 1,
    'chancery_http_requests_total{route="/crl/:authority.crl",method="GET",status="200"}': 7,
    'chancery_http_requests_total{route="/metrics",method="GET",status="200"}': 1,
    'chancery_ocsp_responses_total{status="malformedRequest",cache="none"}': 1,
  })
  expect(increase(before, after, /^chancery_issuance_duration_seconds_count/)).toEqual({
    'chancery_issuance_duration_seconds_count{protocol="rest"}': 30,
  })
  const entries = 'chancery_crl_entries{authority="intermediate",kind="full"}'
  expect(after.get(entries)! - before.get(entries)!).toBe(4)
  // Each issuance, refusal, revocation and CRL is written, and several may share a commit.
  const commits = 'chancery_writer_commit_duration_seconds_count'
  expect(after.get(commits)! - before.get(commits)!).toBeGreaterThanOrEqual(25)
  const writes = 'chancery_writer_batch_size_sum'
  expect(after.get(writes)! - before.get(writes)!).toBeGreaterThanOrEqual(34)
  for (const [name, least] of [
    ['chancery_tls_certificate_seconds_to_expiry', 29 * 86_400],
    ['chancery_disk_free_bytes', 1],
    ['chancery_database_size_bytes{file="database"}', 4096],
    ['process_resident_memory_bytes', 1e6],
    ['process_open_fds', 5],
  ] as const)
    expect(after.get(name), name).toBeGreaterThan(least)
  for (const part of ['store', 'authority', 'crl:intermediate', 'crl:root', 'acme', 'listeners', 'tls'])
    expect(after.get(`chancery_ready{part="${part}"}`), part).toBe(1)
  await service.stop()
})
