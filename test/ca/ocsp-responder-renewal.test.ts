import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { stapleRequest } from '../../src/ocsp/staple.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { DAY, TestCa } from '../api/ca-fixture.ts'
import { newAuthority } from '../api/new-authority.ts'
import { csrPem } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { readAnswer } from '../ocsp/answer.ts'

let ca: TestCa
beforeEach(async () => {
  ca = await TestCa.create({ options: { ocsp: { signer: 'delegated' } } })
})
afterEach(() => ca.close())

const issuer = () => ca.service.authorities.get('intermediate')!
const ask = (serialNumber: string) => ca.service.ocsp.respond(stapleRequest(issuer(), serialNumber))
async function responder(serialNumber: string) {
  const { status, der } = await ask(serialNumber)
  expect(status).toBe('successful')
  return parseCertificate(readAnswer(der, issuer()).certificates![0]!)
}
const responders = async () => (await ca.certificates()).filter(({ profile }) => profile === 'chancery-ocsp')
const enrol = async () => (await ca.enrol(csrPem(['dns:web.example.test']))).serialNumber

test('a responder that lasts as long as its authority is not renewed again and again', async () => {
  ca.now = (issuer().usableUntil - 100) * 1000
  const serial = await enrol()
  for (let asked = 0; asked < 10; asked++) {
    await responder(serial)
    await ca.service.ocsp.certificateChanged('intermediate', serial)
    await enrol()
  }
  expect((await responders()).length).toBeLessThanOrEqual(2)
})

test('strangers cannot make a responder be tried for faster than once a minute', async () => {
  const serial = await enrol()
  const { service } = ca
  // No certificate can be issued any more, and what there was has ended.
  ca.now += 8 * DAY * 1000
  const issue = service.issuer.issue.bind(service.issuer)
  let tried = 0
  Object.assign(service.issuer, {
    issue: () => {
      tried++
      return Promise.reject(new Error('out of order'))
    },
  })
  for (let asked = 0; asked < 5; asked++) expect((await ask(serial)).status).not.toBe('successful')
  expect(tried).toBe(1)
  Object.assign(service.issuer, { issue })
  ca.now += 60_000
  expect((await ask(serial)).status).toBe('successful')
})

test('an authority that is retired ends with its last certificate, however often its responder is renewed', async () => {
  const serial = await enrol()
  await newAuthority(ca, 'next', { replaces: 'intermediate' })
  const body = { phase: 'active', force: ['propagation'] }
  expect((await ca.call('/v1/authorities/next/phase', { body })).status).toBe(200)
  const { answersUntil } = issuer()
  const until = answersUntil - DAY
  while (ca.seconds < until) {
    ca.now = Math.min(ca.seconds + 5 * DAY, until) * 1000
    await responder(serial)
  }
  expect((await responders()).length).toBeGreaterThan(10)
  expect(issuer().answersUntil).toBe(answersUntil)
})

test('a responder from the future, made before the clock was set back, is replaced', async () => {
  const serial = await enrol()
  ca.now += 7 * DAY * 1000
  await responder(serial)
  ca.now -= 5 * DAY * 1000
  expect((await responder(serial)).notBefore).toBeLessThanOrEqual(ca.seconds)
  ca.now += DAY * 1000
  await ca.reopen()
  expect((await responder(serial)).notBefore).toBeLessThanOrEqual(ca.seconds)
})

test('before its authority has begun, by a clock that was set back, no responder takes the place of the one that there is', async () => {
  const serial = await enrol()
  const first = await responder(serial)
  const before = ca.now
  ca.now = (issuer().certificate.notBefore - DAY) * 1000
  for (let asked = 0; asked < 3; asked++) {
    expect((await responder(serial)).serialNumber).toBe(first.serialNumber)
    await ca.service.ocsp.certificateChanged('intermediate', serial)
  }
  await ca.reopen()
  expect((await responder(serial)).serialNumber).toBe(first.serialNumber)
  ca.now = before
  expect((await responder(serial)).serialNumber).toBe(first.serialNumber)
  expect(await responders()).toHaveLength(1)
})

test('after a machine has slept beyond its responder’s end, another is made though nobody asks: not ready, it might be asked by nobody', async () => {
  await ca.close()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  ca = await TestCa.create({ options: { ocsp: { signer: 'delegated' } } })
  const health = () => ca.service.health().find(({ name }) => name === 'ocsp:intermediate')
  expect(health()).toMatchObject({ ok: true })
  ca.now += 8 * DAY * 1000
  expect(health()).toMatchObject({ ok: false })
  await eventually(() => {
    vi.advanceTimersByTime(1000)
    expect(health()).toMatchObject({ ok: true, reason: null })
  })
  expect(await responders()).toHaveLength(2)
})
