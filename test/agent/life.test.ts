import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { Agent } from '../../src/agent/agent.ts'
import { DAY, type TestCaOptions } from '../api/ca-fixture.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { AgentPlace, serialOf } from './agent-fixture.ts'

async function newPlace(options?: TestCaOptions): Promise<AgentPlace> {
  const place = await AgentPlace.make(temporaryDirectory(), options)
  onTestFinished(() => place.ca.close())
  return place
}

const serial = (place: AgentPlace) => serialOf(place.read('cert.pem'), place.read('key.pem'))
const events = (place: AgentPlace) => place.log.map(({ facts }) => facts.event)
const NOWHERE = { services: ['https://localhost:1'] }

const ALL = {
  files: {
    key: 'web.key',
    certificate: 'leaf.pem',
    chain: 'chain.pem',
    fullchain: 'web.pem',
    combined: 'all.pem',
    staple: 'all.pem.ocsp',
    crls: 'crls.pem',
    roots: 'roots.pem',
    envoyCertificate: 'server.json',
    envoyTrust: 'peers.json',
  },
}

test('a first start enrols with the token and writes every file', async () => {
  const place = await newPlace()
  await place.giveToken()
  expect(await place.once(ALL)).toEqual([])
  expect(serialOf(place.read('web.pem'), place.read('web.key'))).toMatch(/^[0-9a-f]{40}$/)
  const names = readdirSync(place.file('tls')).filter((name) => !name.startsWith('.'))
  expect(names.sort()).toEqual(Object.values(ALL.files).sort())
  expect(statSync(place.file('tls', 'web.key')).mode & 0o777).toBe(0o600)
  expect(statSync(place.file('tls', 'web.pem')).mode & 0o777).toBe(0o644)
  expect(lstatSync(place.file('tls', 'web.key')).isSymbolicLink()).toBe(true)
  expect(events(place)).toEqual(['enrolled', 'written'])
  // Envoy finds the key where it never changes.
  const { resources } = JSON.parse(readFileSync(place.file('tls', 'server.json'), 'utf8'))
  const keyFile = resources[0].tls_certificate.private_key.filename
  expect(keyFile).toBe(place.file('tls', '..1', 'web.key'))
  expect(readFileSync(keyFile)).toEqual(place.read('web.key'))
})

test('it renews by itself at two thirds of the life, with a new key', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once()
  const first = serial(place)
  const key = place.read('key.pem')!
  place.advance(59 * DAY)
  await place.once()
  expect(serial(place)).toBe(first)
  place.advance(6 * DAY)
  expect(await place.once()).toEqual([])
  expect(serial(place)).not.toBe(first)
  expect(place.read('key.pem')).not.toEqual(key)
  const renewed = place.log.find(({ facts }) => facts.event === 'renewed')
  expect(renewed?.facts).toMatchObject({ by: 'certificate', replaces: first })
})

test('a certificate that is dated back by more than it lasts is not renewed again and again', async () => {
  const brief = { extends: 'server', validity: { default: '15m', maximum: '15m', backdate: '1h' } }
  const place = await newPlace({ options: { profiles: { brief } } })
  place.advance(DAY)
  await place.giveToken(['web.example.test'], 'brief')
  await place.once()
  const first = serial(place)
  place.advance(540)
  await place.once()
  expect(serial(place)).toBe(first)
  expect(place.log.filter(({ level }) => level !== 'info')).toEqual([])
  place.advance(180)
  await place.once()
  expect(serial(place)).not.toBe(first)
})

test('it keeps the key where that is wanted', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once({ reuseKey: true })
  const [first, key] = [serial(place), place.read('key.pem')]
  place.advance(70 * DAY)
  await place.once({ reuseKey: true })
  expect(serial(place)).not.toBe(first)
  expect(place.read('key.pem')).toEqual(key)
})

test('it renews when the CA calls for it, as long before its time as that may be', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once()
  const first = serial(place)
  place.advance(DAY)
  const call = await place.ca.call('/v1/renewal-calls', { body: { serialNumbers: [first], within: '1m' } })
  expect(call.status).toBe(201)
  place.advance(60)
  await place.once()
  expect(serial(place)).not.toBe(first)
})

test('a CA that is away leaves everything as it was, and a warning comes in time', async () => {
  const place = await newPlace()
  const stapled = { files: { key: 'key.pem', fullchain: 'cert.pem', staple: 'cert.ocsp' } }
  await place.giveToken()
  await place.once(stapled)
  const before = serial(place)
  place.advance(3600)
  expect(await place.once(stapled, NOWHERE)).toEqual([])
  expect(serial(place)).toBe(before)
  const failed = { event: 'failed', reason: expect.stringContaining('Nothing listens') }
  expect(place.log.at(-1)?.facts).toMatchObject(failed)
  // A staple lives for half a day: then the consumer is not well served, and the files stay all the same.
  place.advance(DAY)
  expect(await place.once(stapled, NOWHERE)).toEqual([expect.stringMatching(/^a staple expired/)])
  expect(place.read('cert.ocsp')).not.toBeNull()
  place.advance(80 * DAY)
  await place.once(stapled, NOWHERE)
  expect(place.log.at(-1)).toMatchObject({ level: 'warn', message: 'expires soon' })
  // And when it is back, all is well.
  expect(await place.once(stapled)).toEqual([])
  expect(serial(place)).not.toBe(before)
})

test('what a clock that was ahead put off is done as soon as it is set right', async () => {
  const place = await newPlace()
  const stapled = { files: { key: 'key.pem', fullchain: 'cert.pem', staple: 'cert.ocsp' } }
  await place.giveToken()
  await place.once(stapled)
  const config = place.config(stapled)
  let ahead = 400 * DAY
  const timing = { ...place.timing, clock: () => new Date(place.ca.now + ahead * 1000) }
  const log = { info() {}, warn() {}, error() {} }
  const agent = await Agent.open({ config, timing, environment: {}, log })
  onTestFinished(() => agent.close())
  const { signal } = new AbortController()
  await agent.trust.open()
  const [keeper] = agent.keepers
  await keeper!.round(signal)
  // Whatever the service says is out of date by such a clock.
  expect(keeper!.attempts.staple.failures).toBe(1)
  ahead = 0
  place.advance(3600)
  await keeper!.round(signal)
  expect(keeper!.attempts.staple.lastError).toBeNull()
  expect(keeper!.problems()).toEqual([])
  expect(keeper!.dueAt).toBeLessThan(place.ca.now + DAY * 1000)
})

test('where the first address does not answer, the next is asked', async () => {
  const place = await newPlace()
  await place.giveToken()
  expect(await place.once({}, { services: [...NOWHERE.services, place.url] })).toEqual([])
})

test('the root may be known by its fingerprint alone, and is kept', async () => {
  const place = await newPlace()
  await place.giveToken()
  const [root] = place.ca.service.authorities.roots()
  const { createHash } = await import('node:crypto')
  const fingerprint = createHash('sha256').update(root!).digest('hex')
  expect(await place.once({}, { trust: { fingerprint, follow: false } })).toEqual([])
  await expect(
    place.once({}, { trust: { fingerprint: 'ab'.repeat(32) }, state: place.file('other') }),
  ).rejects.toThrow(/no root with this fingerprint/)
})

test('a revoked certificate is replaced at once where there is a new token', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once(ALL)
  const first = serialOf(place.read('web.pem'), place.read('web.key'))
  await place.ca.call(`/v1/certificates/${first}/revoke`, { body: { reason: 'keyCompromise' } })
  place.advance(60)
  expect(await place.once(ALL)).toContain('the certificate is revoked')
  expect(place.log.some(({ facts }) => /a new enrolment token is needed/.test(facts.reason))).toBe(true)
  await place.giveToken()
  expect(await place.once(ALL)).toEqual([])
  expect(serialOf(place.read('web.pem'), place.read('web.key'))).not.toBe(first)
})

test('a revocation that only the staple tells is answered in the same start', async () => {
  const place = await newPlace({ options: { acme: { enabled: false } } })
  await place.giveToken()
  await place.once(ALL)
  const first = serialOf(place.read('web.pem'), place.read('web.key'))
  await place.ca.call(`/v1/certificates/${first}/revoke`, { body: { reason: 'superseded' } })
  place.advance(60)
  await place.giveToken()
  expect(await place.once(ALL)).toEqual([])
  expect(serialOf(place.read('web.pem'), place.read('web.key'))).not.toBe(first)
})

test('once a hold is lifted the certificate renews itself again', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once()
  const first = serial(place)
  await place.ca.call(`/v1/certificates/${first}/revoke`, { body: { reason: 'certificateHold' } })
  place.advance(60)
  expect(await place.once()).toContain('the certificate is revoked')
  expect((await place.ca.call(`/v1/certificates/${first}/release`, { method: 'POST' })).status).toBe(200)
  place.advance(60)
  expect(await place.once()).toEqual([])
  expect(events(place)).toContain('released')
  place.advance(65 * DAY)
  expect(await place.once()).toEqual([])
  expect(serial(place)).not.toBe(first)
})

test.each([
  ['empty', '', 0o600],
  ['readable to all', 'chancery_token_spent', 0o644],
])('a token file that is %s keeps no certificate from renewing itself', async (_, content, mode) => {
  const place = await newPlace()
  await place.giveToken()
  await place.once()
  const first = serial(place)
  writeFileSync(place.file('token'), content)
  chmodSync(place.file('token'), mode)
  place.advance(65 * DAY)
  expect(await place.once()).toEqual([])
  expect(serial(place)).not.toBe(first)
})

test('a token for other names that cannot be read is named, and keeps nothing else from being done', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once(ALL)
  chmodSync(place.file('token'), 0o644)
  place.advance(DAY)
  expect(await place.once({ ...ALL, names: ['web.example.test', 'www.example.test'] })).toEqual([])
  const failed = place.log.filter(({ facts }) => facts.event === 'failed').map(({ facts }) => facts)
  expect(failed).toMatchObject([{ work: 'certificate', reason: expect.stringContaining('mode 0644') }])
})

test('other names are asked for with a token that has them, and a renewal does not bring them', async () => {
  const place = await newPlace()
  await place.giveToken()
  await place.once()
  const first = serial(place)
  const names = ['web.example.test', 'www.example.test']
  expect(await place.once({ names })).toEqual([])
  expect(serial(place)).toBe(first)
  await place.giveToken(names)
  await place.once({ names })
  expect(serial(place)).not.toBe(first)
  expect(place.read('cert.pem')).not.toBeNull()
})

test('without a token it says what to do, and what it is told then works', async () => {
  const place = await newPlace()
  expect(await place.once()).toEqual(['there is no certificate yet'])
  const { reason } = place.log.at(-1)!.facts
  expect(reason).toContain(`an enrolment token is needed in ${place.file('token')}`)
  await place.giveToken()
  expect(await place.once()).toEqual([])
})

test('a request that waits for approval keeps its key over restarts, and is asked for once', async () => {
  const place = await newPlace({
    options: { profiles: { careful: { extends: 'server', approval: 'enrol' } } },
  })
  await place.giveToken(['web.example.test'], 'careful')
  expect(await place.once()).toEqual(['its request waits for approval'])
  const pending = readFileSync(place.file('state', 'web', 'pending.json'), 'utf8')
  expect(await place.once()).toEqual(['its request waits for approval'])
  expect(readFileSync(place.file('state', 'web', 'pending.json'), 'utf8')).toBe(pending)
  const { json } = await place.ca.call('/v1/requests')
  expect(json.requests).toHaveLength(1)
  const approved = await place.ca.call(`/v1/requests/${json.requests[0].id}/approve`, { method: 'POST' })
  expect(approved.status, approved.text).toBe(201)
  expect(await place.once()).toEqual([])
  expect(JSON.parse(pending).key).toBe(place.read('key.pem')!.toString())
})

test('a refusal is reported with its reason, makes no second request, and a new token makes one', async () => {
  const place = await newPlace({
    options: { profiles: { careful: { extends: 'server', approval: 'enrol' } } },
  })
  await place.giveToken(['web.example.test'], 'careful')
  await place.once()
  const requests = async () => (await place.ca.call('/v1/requests')).json.requests
  const [{ id }] = await requests()
  const body = { reason: 'not this machine' }
  expect((await place.ca.call(`/v1/requests/${id}/refuse`, { body })).status).toBe(200)
  await place.once()
  await place.once()
  expect(place.log.at(-1)?.facts.reason).toContain('not this machine')
  expect(await requests()).toHaveLength(1)
  await place.giveToken(['web.example.test'], 'careful')
  await place.once()
  expect(await requests()).toHaveLength(2)
})

test('no log line holds a token or a key', async () => {
  const place = await newPlace()
  const token = await place.giveToken()
  await place.once(ALL)
  place.advance(70 * DAY)
  await place.once(ALL)
  const text = JSON.stringify(place.log)
  expect(text).not.toContain(token)
  expect(text).not.toContain('PRIVATE KEY')
})

test.each(['facts.json', 'identity.pem', 'pending.json'])(
  'a damaged %s of its own is named, and what to do about it',
  async (name) => {
    const place = await newPlace()
    await place.giveToken()
    await place.once()
    writeFileSync(place.file('state', 'web', name), '{')
    place.advance(65 * DAY)
    const detail = `${place.file('state', 'web', name)} is damaged: restore it, or remove it and start again.`
    if (name !== 'pending.json')
      return expect(place.once()).rejects.toMatchObject({ code: 'badConfiguration', detail })
    await place.once()
    expect(place.log.at(-1)?.facts.reason).toBe(detail)
  },
)

test('two agents do not work with one state', async () => {
  const place = await newPlace()
  await place.with(async () => {
    await expect(place.once()).rejects.toMatchObject({ code: 'conflict' })
  })
  await place.giveToken()
  expect(await place.once()).toEqual([])
})
