import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { AcmeCa } from '../api/acme/acme-ca.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrDer, csrPem, newKey } from '../api/requests.ts'
import { eventually } from '../eventually.ts'

interface Span {
  readonly traceId: string
  readonly traceState: string
  readonly headers: Record<string, string>
  readonly spanId: string
  readonly parentId: string | null
  readonly name: string
  readonly kind: number
  readonly start: string
  readonly end: string
  readonly failed: boolean
  readonly attributes: Record<string, string | number>
  readonly service: string
  readonly error?: string
}

const NAMES = ['dns:secret-project.example.test']
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

/** A receiver in a process of its own, and what it has decoded. */
async function receiver(environment: Record<string, string> = {}) {
  const file = new URL('otlp-receiver.mjs', import.meta.url).pathname
  const child = spawn(process.execPath, [file], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const spans: Span[] = []
  const lines = createInterface(child.stdout)
  const [first] = await once(lines, 'line')
  lines.on('line', (line) => spans.push(JSON.parse(line)))
  return { endpoint: `http://127.0.0.1:${JSON.parse(first).port}`, spans }
}

async function tracedCa(tracing: Record<string, unknown>, options: Record<string, unknown> = {}) {
  const ca = await TestCa.create({ options: { ...options, tracing } })
  onTestFinished(() => ca.close())
  return ca
}

const named = (spans: readonly Span[], name: string) => spans.filter((one) => one.name === name)

test('an issuance is one trace: the request, and within it policy, proof, signature and record with wait and commit', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint, serviceName: 'ca-1' })
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01` }
  await ca.enrol(csrPem(NAMES), {}, { headers })
  await eventually(() => expect(named(spans, 'POST /v1/certificates').length).toBe(1))
  const ours = spans.filter(({ traceId }) => traceId === TRACE)
  const [request] = named(ours, 'POST /v1/certificates')
  expect(request).toMatchObject({
    ...{ parentId: PARENT, kind: 2, failed: false, service: 'ca-1' },
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/v1/certificates',
      'http.response.status_code': 201,
      'chancery.request_id': expect.any(String),
    },
  })
  for (const name of ['policy', 'record recordIssuance']) {
    const [one, ...others] = named(ours, name)
    expect(others, name).toEqual([])
    expect(one, name).toMatchObject({ parentId: request!.spanId, kind: 1, failed: false })
    expect(BigInt(one!.start)).toBeGreaterThanOrEqual(BigInt(request!.start))
    expect(BigInt(one!.end)).toBeLessThanOrEqual(BigInt(request!.end))
  }
  const [record] = named(ours, 'record recordIssuance')
  for (const name of ['wait for the writer', 'prove and sign', 'commit'])
    expect(named(ours, name).filter(({ parentId }) => parentId === record!.spanId).length, name).toBe(1)
  expect(spans.filter(({ error }) => error !== undefined)).toEqual([])
})

test('revocation, OCSP and CRLs are in it, and neither names nor serial numbers nor secrets', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint })
  const { serialNumber } = await ca.enrol(csrPem(NAMES))
  const revoked = await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
  expect(revoked.status).toBe(200)
  expect((await ca.call(`/v1/certificates/${serialNumber}/ocsp`)).status).toBe(200)
  expect((await ca.call('/v1/certificates/4711')).status).toBe(404)
  await eventually(() => {
    for (const name of ['make CRL', 'build CRL', 'sign CRL', 'sign OCSP response', 'record revoke'])
      expect(named(spans, name).length, name).toBeGreaterThan(0)
    const paths = spans.map(({ name }) => name)
    expect(paths).toContain('POST /v1/certificates/:serial/revoke')
    expect(paths).toContain('GET /v1/certificates/:serial')
  })
  const [revocation] = named(spans, 'POST /v1/certificates/:serial/revoke')
  // On a busy machine the revocation is answered before its CRL is there.
  await eventually(() => {
    const within = spans.filter(({ traceId }) => traceId === revocation!.traceId).map(({ name }) => name)
    expect(within).toEqual(expect.arrayContaining(['record revoke', 'make CRL', 'build CRL', 'sign CRL']))
  })
  const text = JSON.stringify(spans)
  for (const word of [serialNumber, 'secret-project', ca.adminKey]) expect(text).not.toContain(word)
})

test('ACME’s validation is a part of the request that asked for it', async () => {
  const { endpoint, spans } = await receiver()
  const acme = await AcmeCa.create({}, { tracing: { endpoint } })
  onTestFinished(() => acme.close())
  const client = await acme.client()
  const order = await client.newOrder(['localhost'])
  await client.authorize(order, acme.solve)
  const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
  expect(done.json.status, done.text).toBe('valid')
  await eventually(() => expect(named(spans, 'validate http-01').length).toBe(1))
  const [validation] = named(spans, 'validate http-01')
  // Either may end first.
  await eventually(() => {
    const within = spans.filter(({ traceId }) => traceId === validation!.traceId)
    expect(within.some(({ name, kind }) => kind === 2 && name.startsWith('POST /acme/'))).toBe(true)
  })
  expect(JSON.stringify(spans)).not.toContain('localhost')
})

test('what several do at once is each in its own trace', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint })
  const key = newKey()
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => ca.enrol(csrPem([`dns:w${n}.example.test`], { key }))),
  )
  await eventually(() => expect(named(spans, 'POST /v1/certificates').length).toBe(20))
  for (const { traceId } of named(spans, 'POST /v1/certificates')) {
    const ours = spans.filter((one) => one.traceId === traceId)
    for (const name of ['POST /v1/certificates', 'policy', 'prove and sign', 'record recordIssuance'])
      expect(named(ours, name).length, name).toBe(1)
    const known = new Set([null, ...ours.map(({ spanId }) => spanId)])
    expect(ours.filter(({ parentId }) => !known.has(parentId))).toEqual([])
  }
})

test('a caller says by its traceparent whether its trace is kept, and what is malformed begins a new one', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint, sampleOneIn: 1 })
  const ask = (traceparent: string) => ca.call('/v1/profiles', { headers: { traceparent } })
  await ask(`00-${TRACE}-${PARENT}-00`)
  await ask(`00-${'0'.repeat(32)}-${PARENT}-01`)
  await ask(`ff-${TRACE}-${PARENT}-01`)
  await ask(`00-${TRACE}-${PARENT}-01-more`)
  await ask(`cc-${TRACE}-${PARENT}-01-more`)
  await eventually(() => expect(named(spans, 'GET /v1/profiles').length).toBe(4))
  const parents = named(spans, 'GET /v1/profiles').map(({ parentId }) => parentId)
  expect(parents.sort()).toEqual([PARENT, null, null, null].sort())
})

test('a caller’s tracestate is in each span of its trace, and counts with a traceparent alone', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint })
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'rojo=1, congo=t61 x ,,' }
  await ca.enrol(csrPem(NAMES), {}, { headers })
  await ca.call('/v1/profiles', { headers: { tracestate: 'rojo=1' } })
  await eventually(() => {
    expect(named(spans, 'POST /v1/certificates').length).toBe(1)
    expect(named(spans, 'GET /v1/profiles').length).toBe(1)
    expect(named(spans, 'prove and sign').length).toBeGreaterThan(0)
  })
  for (const { traceId, traceState, name } of spans)
    expect(traceState, name).toBe(traceId === TRACE ? 'rojo=1,congo=t61 x' : '')
})

test('headers of a file go with each message, and a file that does not fit stops the start without its secrets', async () => {
  const { endpoint, spans } = await receiver()
  const folder = mkdtempSync(join(tmpdir(), 'chancery-otlp-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const headersFile = join(folder, 'headers')
  writeFileSync(headersFile, 'Api-Key=s%2Bcret,\n x-tenant = one%20two \n', { mode: 0o600 })
  const ca = await tracedCa({ endpoint, headersFile })
  await ca.call('/v1/profiles')
  await eventually(() => expect(named(spans, 'GET /v1/profiles').length).toBe(1))
  expect(spans[0]!.headers).toMatchObject({ 'api-key': 's+cret', 'x-tenant': 'one two' })
  expect(ca.log.join('')).not.toContain('s+cret')
  writeFileSync(headersFile, 'host=s3cret')
  const again = ca.reopen()
  await expect(again).rejects.toMatchObject({
    code: 'badConfiguration',
    message: expect.stringMatching(/"host"/),
  })
  await expect(again).rejects.not.toThrow(/s3cret/)
  writeFileSync(headersFile, 'api-key=other')
  await ca.reopen()
})

test('one in so many is traced, which a caller’s decision goes before', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint, sampleOneIn: 1_000_000 })
  for (let n = 0; n < 5; n++) await ca.call('/v1/profiles')
  await ca.call('/v1/profiles', { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } })
  await eventually(() => expect(named(spans, 'GET /v1/profiles').length).toBeGreaterThan(0))
  expect(named(spans, 'GET /v1/profiles').filter(({ traceId }) => traceId === TRACE).length).toBe(1)
})

test('traces wait for a receiver that is busy, and the service answers all the same', async () => {
  const { endpoint, spans } = await receiver({ REFUSALS: '1' })
  const ca = await tracedCa({ endpoint })
  await ca.enrol(csrPem(NAMES))
  await eventually(() => expect(ca.log.some((line) => line.includes('status 503'))).toBe(true))
  await eventually(() => expect(named(spans, 'POST /v1/certificates').length).toBe(1))
  expect(ca.log.filter((line) => line.includes('Traces could not be delivered')).length).toBe(1)
})

test('a service that ends sends what it has', async () => {
  const { endpoint, spans } = await receiver()
  const ca = await tracedCa({ endpoint })
  await ca.call('/v1/profiles')
  await ca.reopen()
  await eventually(() => expect(named(spans, 'GET /v1/profiles').length).toBe(1))
})
