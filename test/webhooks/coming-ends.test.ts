import { expect, test } from 'vitest'
import { makeNextRootCrl } from '../../src/ca/hierarchy/next-root-crl.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { DAY, type TestCa } from '../api/ca-fixture.ts'
import { installRoots, newAuthority, ownRoot, secondRoot } from '../api/new-authority.ts'
import { csrPem } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { startReceiver } from './receiver.ts'
import { webhookCa } from './webhook-ca.ts'

test('a certificate that ends soon and was not renewed is told of once', async () => {
  const receiver = await startReceiver()
  const { ca } = await webhookCa([{ ...receiver, options: { events: ['certificate.expiring'] } }])
  const { received } = receiver
  const enrol = async (name: string, wishes = {}) =>
    (await ca.enrol(csrPem([`dns:${name}.example.test`]), { validity: '10d', ...wishes }))
      .serialNumber as string
  const forgotten = await enrol('forgotten')
  const revoked = await enrol('revoked')
  await ca.call(`/v1/certificates/${revoked}/revoke`, { body: {} })
  const renewed = await enrol('renewed')
  await enrol('enrolled-again')
  const long = await enrol('long', { validity: '30d' })
  // Three quarters of ten days less an hour: nothing is late yet.
  ca.now += 7.5 * DAY * 1000 - 3_600_000
  await enrol('enrolled-again')
  const renewal = await ca.call(`/v1/certificates/${renewed}/renew`, {
    body: { csr: csrPem(['dns:renewed.example.test']) },
  })
  expect(renewal.status, renewal.text).toBe(201)
  expect(received).toEqual([])
  ca.now += 7_200_000
  await eventually(() => expect(received.length).toBe(1))
  expect(received[0]!.json).toMatchObject({
    type: 'certificate.expiring',
    data: { serialNumber: forgotten, names: ['dns:forgotten.example.test'] },
  })
  await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
  await ca.reopen()
  // Within seven days of its end, and in the last quarter of its life.
  ca.now += 16 * DAY * 1000
  const serials = () => received.map(({ json }) => json.data.serialNumber)
  await eventually(() => expect(serials()).toContain(long))
  const told = serials()
  expect(told.filter((one) => one === long)).toEqual([long])
  expect(told.filter((one) => one === forgotten)).toEqual([forgotten])
  expect(told).not.toContain(revoked)
  expect(told).not.toContain(renewed)
})

test('a certificate that is dated back by more than it lasts is told of in its last quarter, and not when it is issued', async () => {
  const receiver = await startReceiver()
  const brief = { extends: 'server', validity: { default: '2h', maximum: '2h', backdate: '1d' } }
  const { ca } = await webhookCa([{ ...receiver, options: { events: ['certificate.expiring'] } }], {
    profiles: { brief },
  })
  ca.now += 2 * DAY * 1000
  await ca.enrol(csrPem(['dns:brief.example.test']), { profile: 'brief' })
  const told = await ca.service.store.read.endingCertificates({ now: ca.seconds, notice: DAY }, null)
  expect(told.rows).toEqual([])
  ca.now += 5400_000
  await eventually(() => expect(receiver.received.length).toBe(1))
})

test('what the service has certified for itself ends without a word: it has replaced it long before', async () => {
  const receiver = await startReceiver()
  const { ca } = await webhookCa([{ ...receiver, options: { events: ['certificate.expiring'] } }], {
    ocsp: { signer: 'delegated' },
  })
  const forgotten = await ca.enrol(csrPem(['dns:forgotten.example.test']), { validity: '7d' })
  // Two thirds of the responder's seven days are over, and its successor is there.
  ca.now += 5 * DAY * 1000
  await eventually(async () => {
    const responders = (await ca.certificates()).filter(({ profile }) => profile === 'chancery-ocsp')
    expect(responders).toHaveLength(2)
  })
  ca.now += DAY * 1000
  await eventually(() => expect(receiver.received.length).toBeGreaterThan(0))
  await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
  const told = receiver.received.map(({ json }) => json.data.serialNumber)
  expect(told).toEqual([forgotten.serialNumber])
})

test('a renewal that was revoked renews nothing, and names are the same in any order', async () => {
  const receiver = await startReceiver()
  const { ca } = await webhookCa([{ ...receiver, options: { events: ['certificate.expiring'] } }])
  const enrol = async (...names: string[]) =>
    (await ca.enrol(csrPem(names.map((name) => `dns:${name}.example.test`)), { validity: '10d' }))
      .serialNumber as string
  const undone = await enrol('undone')
  await enrol('one', 'other')
  ca.now += 7 * DAY * 1000
  await enrol('other', 'one')
  const csr = csrPem(['dns:undone.example.test'])
  const renewal = await ca.call(`/v1/certificates/${undone}/renew`, { body: { csr } })
  expect(renewal.status, renewal.text).toBe(201)
  await ca.call(`/v1/certificates/${renewal.json.serialNumber}/revoke`, { body: {} })
  ca.now += DAY * 1000
  const serials = () => receiver.received.map(({ json }) => json.data.serialNumber)
  await eventually(() => expect(serials()).toContain(undone))
  await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
  expect(serials()).toEqual([undone])
})

test('authorities, and CRLs that nobody renews here, are told of once', async () => {
  const receiver = await startReceiver()
  const { ca } = await webhookCa([receiver], { notices: { authorities: '90d', crls: '30d' } })
  const { received } = receiver
  const { authorities } = ca.service
  const { notAfter } = authorities.issuing().certificate
  ca.now = (notAfter - 80 * DAY) * 1000
  await eventually(() => expect(received.map(({ json }) => json.type)).toEqual(['authority.expiring']))
  expect(received[0]!.json.data).toMatchObject({
    ...{ authority: 'intermediate', role: 'issuing', state: 'active' },
  })
  // The root's CRL lasts as long as the intermediate, and its key is not here.
  ca.now = (notAfter - 20 * DAY) * 1000
  await eventually(() => expect(received.length).toBe(2))
  expect(received[1]!.json).toMatchObject({ type: 'crl.expiring', data: { authority: 'root' } })
})

test('an authority that is retired and has nothing left to answer for ends without a word, and others do not', async () => {
  const receiver = await startReceiver()
  const { ca } = await webhookCa([{ ...receiver, options: { events: ['authority.expiring'] } }], {
    notices: { authorities: '90d' },
  })
  await newAuthority(ca, 'next', { replaces: 'intermediate', validity: 1825 * DAY })
  const retired = await ca.call('/v1/authorities/next/phase', {
    body: { phase: 'active', force: ['propagation'] },
  })
  expect(retired.status, retired.text).toBe(200)
  const { certificate, answersUntil, state } = ca.service.authorities.get('intermediate')!
  expect(state).toBe('retired')
  expect(answersUntil).toBeLessThan(certificate.notAfter - 90 * DAY)
  const other = ca.service.authorities.get('next')!.certificate
  // One look finds both.
  ca.now = (Math.min(certificate.notAfter, other.notAfter) - 10 * DAY) * 1000
  await eventually(() => expect(receiver.received.length).toBe(1))
  await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
  expect(receiver.received.map(({ json }) => json.data.authority)).toEqual(['next'])
})

test('the CRL of a root that is retired ends without a word: nobody needs another', async () => {
  const receiver = await startReceiver()
  const { ca } = await webhookCa([{ ...receiver, options: { events: ['crl.expiring'] } }], {
    notices: { crls: '30d' },
  })
  const { certificate, crl } = await secondRoot(ca)
  const [id] = (await installRoots(ca, certificate, crl)).json.roots
  const retired = await ca.call(`/v1/authorities/${id}/phase`, { body: { phase: 'retired' } })
  expect(retired.status, retired.text).toBe(200)
  const ends = ca.service.crl.current(id)!.nextUpdate
  await bringRootCrl(ca, ends)
  // One look finds both.
  ca.now = (ends - 10 * DAY) * 1000
  await eventually(() => expect(receiver.received.length).toBe(1))
  await eventually(async () => expect((await ca.service.store.read.webhookCounts())[0]!.waiting).toBe(0))
  expect(receiver.received.map(({ json }) => json.data.authority)).toEqual(['root'])
})

/** The next CRL of the first root. */
async function bringRootCrl(ca: TestCa, end: number) {
  const current = ca.service.crl.current('root')!
  const wish = { previous: current.der, revoke: [], validity: end - ca.seconds }
  const body = encodePem('X509 CRL', (await makeNextRootCrl(await ownRoot(ca), wish, ca.clock())).der)
  const headers = { 'content-type': 'application/x-pem-file' }
  const brought = await ca.call('/v1/authorities/root/crl', { method: 'PUT', body, headers })
  expect(brought.status, brought.text).toBe(200)
}
