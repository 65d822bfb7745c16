import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY } from '../ca-fixture.ts'
import { csrDer, csrPem } from '../requests.ts'
import { AcmeCa, errorType } from './acme-ca.ts'
import { certId } from './cert-id.ts'

let acme: AcmeCa
beforeAll(async () => {
  const brief = { extends: 'server', validity: { default: '15m', maximum: '15m', backdate: '1h' } }
  acme = await AcmeCa.create({}, { profiles: { brief } })
})
afterAll(() => acme.close())

const iso = (milliseconds: number) => new Date(milliseconds).toISOString().replace('.000', '')
const info = (id: string) => acme.ca.call(`/acme/renewal-info/${id}`, { as: null })
const call = (body: object) => acme.ca.call('/v1/renewal-calls', { body })

async function enrolled(): Promise<{ serialNumber: string; certificate: string }> {
  return acme.ca.enrol(csrPem(['dns:web.example.test']))
}

async function windowOf(certificate: string) {
  const { json } = await info(certId(certificate))
  return { start: Date.parse(json.suggestedWindow.start), end: Date.parse(json.suggestedWindow.end) }
}

/** What is suggested where nobody has called: from two thirds to three quarters of its life, which begins with its issuance. */
function ownWindow(certificate: string, backdate = 60) {
  const { validFromDate, validToDate } = new X509Certificate(certificate)
  const begin = validFromDate.getTime() + backdate * 1000
  const life = (validToDate.getTime() - begin) / 1000
  const at = (part: number) => begin + Math.floor(life * part) * 1000
  return { start: at(2 / 3), end: at(3 / 4) }
}

describe('renewal information', () => {
  test('comes from the validity, to whoever asks, with the time to ask again', async () => {
    const { certificate } = await enrolled()
    const answer = await info(certId(certificate))
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    expect(answer.headers['retry-after']).toBe('21600')
    const { start, end } = ownWindow(certificate)
    expect(answer.json).toEqual({ suggestedWindow: { start: iso(start), end: iso(end) } })
    expect((await acme.stranger().directory()).renewalInfo).toMatch(/\/acme\/renewal-info$/)
  })

  test('asks those with short lives to look more often', async () => {
    const { certificate } = await acme.ca.enrol(csrPem(['dns:web.example.test']), { validity: '24h' })
    expect((await info(certId(certificate))).headers['retry-after']).toBe('3600')
  })

  test('of one that is dated back by more than it lasts is not over when it is issued', async () => {
    acme.ca.now += DAY * 1000
    const { certificate } = await acme.ca.enrol(csrPem(['dns:web.example.test']), { profile: 'brief' })
    const window = await windowOf(certificate)
    expect(window).toEqual(ownWindow(certificate, 3600))
    expect(window.start).toBe(acme.ca.now + 600_000)
  })

  test('of a revoked or held certificate has a window that is over', async () => {
    for (const reason of ['keyCompromise', 'certificateHold']) {
      const { serialNumber, certificate } = await enrolled()
      await acme.ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason } })
      const { start, end } = await windowOf(certificate)
      expect(end).toBeLessThanOrEqual(acme.ca.now)
      expect(start).toBeLessThan(end)
    }
  })

  test.each([
    ['nothing but a dot', '.', 400],
    ['one part', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ', 400],
    ['three parts', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE.AA', 400],
    ['padding', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ=.AIdlQyE', 400],
    ['base64 of the other alphabet', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.A+dlQyE', 400],
    ['bits that mean nothing', 'aYhba4dGQEHhs3uEe6CuLN4ByNR.AIdlQyE', 400],
    ['an issuer of elsewhere', 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE', 404],
  ])('of %s is refused', async (_, id, status) => {
    const refused = await info(id)
    expect({ status: refused.status, type: errorType(refused.json) }).toEqual({ status, type: 'malformed' })
  })

  test('of a serial number that was never issued, or of another issuer’s, is refused', async () => {
    const [issuer, serial] = certId((await enrolled()).certificate).split('.')
    expect((await info(`${issuer}.${Buffer.alloc(20, 0x41).toString('base64url')}`)).status).toBe(404)
    const root = acme.ca.service.authorities.all().find((one) => one.id === 'root')!
    expect((await info(`${root.keyIdentifier.toString('base64url')}.${serial}`)).status).toBe(404)
  })
})

describe('a call for renewal', () => {
  test('by serial number pulls the window of those certificates, and says why', async () => {
    const [one, other] = [await enrolled(), await enrolled()]
    const colons = one.serialNumber.toUpperCase().match(/../g)!.join(':')
    const explanationUrl = 'https://example.test/incident'
    const made = await call({ serialNumbers: [colons, one.serialNumber], within: '2h', explanationUrl })
    const [startsAt, endsAt] = [iso(acme.ca.now), iso(acme.ca.now + 7_200_000)]
    expect({ status: made.status, ...made.json }).toEqual({ status: 201, certificates: 1, startsAt, endsAt })
    expect((await info(certId(one.certificate))).json).toEqual({
      suggestedWindow: { start: startsAt, end: endsAt },
      explanationURL: explanationUrl,
    })
    expect(await windowOf(other.certificate)).toEqual(ownWindow(other.certificate))
    expect((await acme.ca.audit('renewal.call'))[0]).toMatchObject({
      actor: 'admin:default',
      detail: { serialNumbers: [one.serialNumber], startsAt, endsAt },
    })
  })

  test('by authority concerns what was issued before it, not what comes after', async () => {
    const before = await enrolled()
    acme.ca.now += 1
    const startsAt = iso(acme.ca.now - (acme.ca.now % 1000) + DAY * 1000)
    const made = await call({ authority: 'intermediate', startsAt, within: '1d' })
    expect(made.json.certificates).toBe((await acme.ca.certificates()).length)
    acme.ca.now += 1
    const after = await enrolled()
    acme.ca.now += 998
    const from = Date.parse(startsAt)
    expect(await windowOf(before.certificate)).toEqual({ start: from, end: from + DAY * 1000 })
    expect(await windowOf(after.certificate)).toEqual(ownWindow(after.certificate))
  })

  test('gives way to a newer one, which may be later', async () => {
    const { serialNumber, certificate } = await enrolled()
    await call({ serialNumbers: [serialNumber] })
    expect((await windowOf(certificate)).start).toBe(acme.ca.now)
    await call({ serialNumbers: [serialNumber], startsAt: iso(acme.ca.now + 5 * DAY * 1000) })
    expect((await windowOf(certificate)).start).toBe(acme.ca.now + 5 * DAY * 1000)
    // The way to take a call back.
    await call({ serialNumbers: [serialNumber], startsAt: iso(acme.ca.now + 365 * DAY * 1000) })
    expect(await windowOf(certificate)).toEqual(ownWindow(certificate))
  })

  test('never makes it later than the certificate’s own time', async () => {
    const { serialNumber, certificate } = await enrolled()
    const own = ownWindow(certificate)
    await call({ serialNumbers: [serialNumber], within: '90d' })
    expect(await windowOf(certificate)).toEqual({ start: acme.ca.now, end: own.end })
  })

  test('hastens those too whose own window has begun', async () => {
    const { serialNumber, certificate } = await enrolled()
    const { start } = ownWindow(certificate)
    const later = iso(start + 3_600_000)
    await call({ serialNumbers: [serialNumber], startsAt: later, within: '10m' })
    expect(await windowOf(certificate)).toEqual({ start: start + 3_600_000, end: start + 4_200_000 })
  })

  test.each([
    ['nothing', {}, 400, 'malformedRequest'],
    ['both kinds', { serialNumbers: ['4a'], authority: 'intermediate' }, 400, 'malformedRequest'],
    ['no serial number', { serialNumbers: [] }, 400, 'malformedRequest'],
    ['what is no serial number', { serialNumbers: ['web'] }, 400, 'malformedRequest'],
    ['a serial number that was never issued', { serialNumbers: ['4a'] }, 404, 'notFound'],
    ['an authority that is not there', { authority: 'other' }, 404, 'unknownAuthority'],
    ['no time', { authority: 'intermediate', within: 0 }, 400, 'malformedRequest'],
    [
      'an address that is none',
      { authority: 'intermediate', explanationUrl: 'javascript:x' },
      400,
      'malformedRequest',
    ],
  ])('for %s is refused', async (_, body, status, code) => {
    const count = (await acme.ca.audit('renewal.call')).length
    const refused = await call(body)
    expect({ status: refused.status, type: refused.json.type }).toEqual({
      status,
      type: `urn:chancery:problem:${code}`,
    })
    expect(await acme.ca.audit('renewal.call')).toHaveLength(count)
  })

  test('concerns none of its certificates if one of them is not known', async () => {
    const { serialNumber, certificate } = await enrolled()
    expect((await call({ serialNumbers: [serialNumber, '4a'] })).status).toBe(404)
    expect(await windowOf(certificate)).toEqual(ownWindow(certificate))
  })
})

describe('an order that replaces a certificate', () => {
  async function certified(names = ['localhost']) {
    const client = await acme.client()
    const { text } = await client.obtain(names, csrDer(names.map((name) => `dns:${name}`)), acme.solve)
    const { serialNumber } = new X509Certificate(text)
    return { client, id: certId(text), serialNumber: serialNumber.toLowerCase() }
  }
  const replacing = (replaces: unknown) => ({ replaces }) as object

  test('says so, and the inventory shows it from the issuance on', async () => {
    const { client, id, serialNumber } = await certified()
    const order = await client.newOrder(['localhost'], replacing(id))
    expect({ status: order.status, replaces: order.json.replaces }, order.text).toEqual({
      status: 201,
      replaces: id,
    })
    const path = `/v1/certificates/${serialNumber}`
    expect((await acme.ca.call(path)).json.replacedBy).toBeNull()
    const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    const next = new X509Certificate((await client.download(done.json.certificate)).text)
    const nextSerial = next.serialNumber.toLowerCase()
    expect((await acme.ca.call(path)).json.replacedBy).toBe(nextSerial)
    expect((await acme.ca.call(`/v1/certificates/${nextSerial}`)).json.replaces).toBe(serialNumber)
    expect((await client.postAsGet(String(order.headers.location))).json.replaces).toBe(id)

    const again = await client.newOrder(['localhost'], replacing(id))
    expect({ status: again.status, type: errorType(again.json) }).toEqual({
      status: 409,
      type: 'alreadyReplaced',
    })
  })

  test('may come long after that has ended, and its order is on record no more', async () => {
    const { client, id } = await certified()
    acme.ca.now += 100 * DAY * 1000
    await acme.ca.service.store.write('sweepAcme', { now: acme.ca.seconds, limit: 100 })
    const later = acme.stranger(client.key)
    await later.newAccount({ onlyReturnExisting: true })
    const order = await later.newOrder(['localhost'], replacing(id))
    expect(order.status, order.text).toBe(201)
    expect(order.json.replaces).toBe(id)
  })

  test('keeps others from doing so while it is open, not once it has failed', async () => {
    const { client, id } = await certified()
    const first = await client.newOrder(['localhost', 'unproven.example.test'], replacing(id))
    expect((await client.newOrder(['localhost'], replacing(id))).status).toBe(409)
    await client.post(first.json.authorizations.at(-1), { status: 'deactivated' })
    await client.post(first.json.authorizations[0], { status: 'deactivated' })
    expect((await client.postAsGet(String(first.headers.location))).json.status).toBe('invalid')
    expect((await client.newOrder(['localhost'], replacing(id))).status).toBe(201)
    acme.ca.now += DAY * 1000
    // The nonces of yesterday are gone.
    const later = acme.stranger(client.key)
    await later.newAccount({ onlyReturnExisting: true })
    expect((await later.newOrder(['localhost'], replacing(id))).status).toBe(201)
  })

  test('of fifty at once is one', async () => {
    const { client, id } = await certified()
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => client.newOrder(['localhost'], replacing(id))),
    )
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([201, ...Array(49).fill(409)])
  })

  test('must be of the account that ordered the certificate, and have a name of it', async () => {
    const { client, id } = await certified()
    const other = await acme.client()
    const stolen = await other.newOrder(['localhost'], replacing(id))
    expect({ status: stolen.status, type: errorType(stolen.json) }).toEqual({
      status: 403,
      type: 'unauthorized',
    })
    expect(errorType((await client.newOrder(['other.example.test'], replacing(id))).json)).toBe('malformed')
    const { certificate } = await enrolled()
    const foreign = await client.newOrder(['web.example.test'], replacing(certId(certificate)))
    expect(errorType(foreign.json)).toBe('unauthorized')
    // None of these has taken the place.
    expect((await client.newOrder(['localhost', 'more.example.test'], replacing(id))).status).toBe(201)
  })

  // acme.sh carries the certificate of another CA, or of an account that it has no more, into its next order, and repeats that
  // without "replaces" where the refusal says 'replaces'.
  test('is refused in words that let acme.sh try without', async () => {
    const { client, id } = await certified()
    const other = await acme.client()
    for (const refused of [
      await other.newOrder(['localhost'], replacing(id)),
      await client.newOrder(['other.example.test'], replacing(id)),
      await client.newOrder(['localhost'], replacing('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')),
      await client.newOrder(['localhost'], replacing('x')),
    ]) {
      expect(refused.json.detail).toMatch(/'replaces'.*leave it out\. \S/)
    }
  })

  test('must name one that is known', async () => {
    const { client } = await certified()
    for (const [replaces, status] of [
      ['x', 400],
      ['aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE', 404],
      [7, 400],
    ]) {
      const refused = await client.newOrder(['localhost'], replacing(replaces))
      expect({ status: refused.status, type: errorType(refused.json) }).toEqual({ status, type: 'malformed' })
    }
  })
})
