import { describe, expect, test } from 'vitest'
import { csrPem } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'
import { isSigned, type Received, startReceiver, status, taken } from './receiver.ts'
import { webhookCa } from './webhook-ca.ts'

const NAMES = ['dns:web.example.test']
const types = (received: readonly Received[]) => received.map(({ json }) => json.type)

describe('a webhook', () => {
  test('is told of what happens to a certificate, signed, each once', async () => {
    const receiver = await startReceiver()
    const { ca, secret } = await webhookCa([receiver])
    const { serialNumber } = await ca.enrol(csrPem(NAMES))
    const at = `/v1/certificates/${serialNumber}`
    for (const [path, body] of [
      [`${at}/revoke`, { reason: 'certificateHold' }],
      [`${at}/release`, {}],
      [`${at}/revoke`, { reason: 'keyCompromise' }],
      [`${at}/revoke`, { reason: 'superseded' }],
    ] as const)
      expect((await ca.call(path, { body })).status).toBe(200)
    const wanted = ['certificate.issued', 'certificate.held', 'certificate.released', 'certificate.revoked']
    const { received } = receiver
    await eventually(() => expect(types(received).sort()).toEqual([...wanted].sort()))
    for (const one of received) {
      expect(isSigned(one, secret)).toBe(true)
      expect(one.method).toBe('POST')
      expect(one.headers['content-type']).toBe('application/json')
      expect(one.headers['webhook-id']).toMatch(/^msg_[\w-]{24}$/)
      expect(one.json.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      const { names, profile, authority, principal } = one.json.data
      expect(one.json.data.serialNumber).toBe(serialNumber)
      expect({ names, profile, authority, principal }).toEqual({
        ...{ names: NAMES, profile: 'server', authority: 'intermediate', principal: 'admin:default' },
      })
    }
    expect(received.find(({ json }) => json.type === 'certificate.revoked')!.json.data).toMatchObject({
      reason: 'keyCompromise',
      invalidityDate: null,
    })
    await eventually(async () => {
      const { text } = await ca.call('/metrics')
      expect(text).toContain('chancery_webhook_notices_total{webhook="receiver-0",result="delivered"} 4')
      expect(text).toContain('chancery_webhook_notices_waiting{webhook="receiver-0"} 0')
    })
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(4)
  })

  test('is told of what its options list, and of nothing else', async () => {
    const approvals = await startReceiver()
    const issuances = await startReceiver()
    const { ca } = await webhookCa(
      [
        { ...approvals, options: { events: ['request.pending'] } },
        { ...issuances, options: { events: ['certificate.issued'] } },
      ],
      { acme: { enabled: false }, profiles: { server: { approval: 'enrol' } } },
    )
    const { token } = await ca.token({ names: NAMES })
    const asked = await ca.call('/v1/certificates', { as: token, body: { csr: csrPem(NAMES) } })
    expect(asked.status).toBe(202)
    await eventually(() => expect(types(approvals.received)).toEqual(['request.pending']))
    expect(approvals.received[0]!.json.data).toMatchObject({
      id: asked.json.id,
      names: NAMES,
      profile: 'server',
    })
    const approved = await ca.call(`/v1/requests/${asked.json.id}/approve`, { body: {} })
    expect(approved.status).toBe(201)
    await eventually(() => expect(types(issuances.received)).toEqual(['certificate.issued']))
    expect(types(approvals.received)).toEqual(['request.pending'])
  })

  test('that fails is told again, later each time, with the same id and a signature of that time', async () => {
    const receiver = await startReceiver()
    receiver.answer = status(503)
    const { ca, secret } = await webhookCa([receiver])
    const { received } = receiver
    await ca.enrol(csrPem(NAMES))
    for (const attempts of [1, 2, 3, 4]) {
      await eventually(() => expect(received.length).toBe(attempts))
      await eventually(() =>
        expect(ca.log.filter((line) => line.includes('could not be delivered')).length).toBe(attempts),
      )
      if (attempts === 4) receiver.answer = taken
      ca.now += 600_000
    }
    await eventually(() => expect(received.length).toBe(5))
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(new Set(received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(5)
    expect(received.every((one) => isSigned(one, secret))).toBe(true)
    await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
    // No more of the address than its name: what is behind the host may be a secret.
    expect(ca.log.join('')).not.toContain('team=ca')
  })

  test('that never answers well is given up in the end, which the log and the metrics say', async () => {
    const receiver = await startReceiver()
    receiver.answer = status(400)
    const { ca } = await webhookCa([receiver], { notices: { retryFor: '1h' } })
    await ca.enrol(csrPem(NAMES))
    const { received } = receiver
    await eventually(() => expect(received.length).toBe(1))
    ca.now += 3_600_000
    await eventually(async () =>
      expect((await ca.call('/metrics')).text).toContain('{webhook="receiver-0",result="given_up"} 1'),
    )
    expect(ca.log.some((line) => /"level":50.*given up.*status 400/.test(line))).toBe(true)
    await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
  })

  test('that is away while the service is restarted gets its notices afterwards, and no other in its place', async () => {
    const port = await freePort()
    const receiver = await startReceiver({ port })
    await receiver.close()
    const { ca, secret } = await webhookCa([receiver])
    const { serialNumber } = await ca.enrol(csrPem(NAMES))
    await eventually(() => expect(ca.log.some((line) => line.includes('refuses'))).toBe(true))
    await ca.reopen()
    const stranger = await startReceiver({ port })
    ca.now += 60_000
    await eventually(() =>
      expect(ca.log.some((line) => line.includes('The TLS handshake with 127.0.0.1'))).toBe(true),
    )
    expect(stranger.received).toEqual([])
    await stranger.close()
    const again = await startReceiver({ port, identity: receiver.identity })
    ca.now += 600_000
    await eventually(() => expect(types(again.received)).toEqual(['certificate.issued']))
    expect(again.received[0]!.json.data.serialNumber).toBe(serialNumber)
    expect(isSigned(again.received[0]!, secret)).toBe(true)
  })
})

test('redirects are not followed, and a long answer is cut', async () => {
  const other = await startReceiver({ tls: false })
  const receiver = await startReceiver()
  receiver.answer = status(302, { location: other.url })
  const { ca } = await webhookCa([receiver])
  await ca.enrol(csrPem(NAMES))
  await eventually(() => expect(ca.log.some((line) => line.includes('status 302'))).toBe(true))
  expect(other.received).toEqual([])
  let cut = false
  receiver.answer = (response) => {
    response.writeHead(200)
    response.on('close', () => {
      cut = !response.writableFinished
    })
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  }
  ca.now += 600_000
  await eventually(() => expect(cut).toBe(true))
  await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
})

test.each(['https://169.254.169.254/latest', 'https://[fe80::1]/', 'https://[::ffff:169.254.169.254]/'])(
  '%s is never contacted',
  async (url) => {
    const { certificate } = await startReceiver()
    const { ca } = await webhookCa([{ url, certificate }])
    await ca.enrol(csrPem(NAMES))
    await eventually(() =>
      expect(ca.log.some((line) => line.includes('This server does not connect to'))).toBe(true),
    )
  },
)

test('a receiver that takes nothing costs so many rows at most, and what finds none is counted', async () => {
  const receiver = await startReceiver()
  receiver.answer = status(500)
  const { ca } = await webhookCa([receiver], { notices: { queue: 2 } })
  for (let n = 0; n < 4; n++) await ca.enrol(csrPem([`dns:web${n}.example.test`]))
  const counts = await ca.service.store.read.webhookCounts()
  expect(counts).toEqual([{ webhook: 'receiver-0', waiting: 2, dropped: 2 }])
  expect((await ca.call('/metrics')).text).toContain(
    'chancery_webhook_notices_dropped_total{webhook="receiver-0"} 2',
  )
})

test('a receiver that keeps failing is shown by /readyz, which stays green', async () => {
  const receiver = await startReceiver()
  receiver.answer = status(500)
  const { ca } = await webhookCa([receiver])
  await ca.enrol(csrPem(NAMES))
  for (let attempts = 1; attempts <= 5; attempts++) {
    await eventually(() =>
      expect(ca.log.filter((line) => line.includes('could not be delivered')).length).toBe(attempts),
    )
    ca.now += 21_600_000
  }
  const ready = await ca.call('/readyz', { as: null }, ca.http)
  expect(ready.text).toContain('webhook:receiver-0')
  // Anybody may ask, and a reason may name addresses within.
  expect(ready.text).toContain('The last 5 attempts to deliver a notice failed: the log says why.')
})
