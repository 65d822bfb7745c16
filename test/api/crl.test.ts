import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { crlRoutes } from '../../src/api/crl.ts'
import { installProblems } from '../../src/api/problems.ts'
import { type CrlPublisher, createCrlPublisher } from '../../src/crl/publisher.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { crlOptions } from '../crl/published.ts'
import { SmallCa } from '../ocsp/small-ca.ts'

const MINUTE = 60
const DAY = 24 * 60 * MINUTE

let ca: SmallCa
let app: FastifyInstance
let publisher: CrlPublisher
let begin: number

beforeAll(async () => {
  ca = await SmallCa.create()
  begin = ca.now
  const { authorities, store, clock } = ca
  publisher = createCrlPublisher({
    ...{ authorities, store, clock, coalesce: 0, onError: () => {} },
    options: () => crlOptions(),
    urls: () => null,
  })
  await publisher.start()
  app = fastify()
  installProblems(app)
  await app.register(crlRoutes, { authorities, publisher, clock })
})
afterAll(async () => {
  await app.close()
  await publisher.stop()
  await ca.close()
})
beforeEach(() => {
  ca.now = begin
})

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })
const later = (seconds: number) => {
  ca.now += seconds * 1000
}

test('CRLs and certificates are served as DER and PEM', async () => {
  const { der, pemOctets } = publisher.current('issuing')!
  const { root, issuing } = ca
  for (const [url, type, body] of [
    ['/crl/issuing.crl', 'application/pkix-crl', der],
    ['/crl/issuing.pem', 'application/x-pem-file', await pemOctets],
    ['/ca/issuing.crt', 'application/pkix-cert', issuing.certificate.der],
    ['/ca/root.crt', 'application/pkix-cert', root.certificate.der],
    ['/ca/root.pem', 'application/x-pem-file', Buffer.from(encodePem('CERTIFICATE', root.certificate.der))],
  ] as const) {
    const response = await get(url)
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({ 'content-type': type, 'content-length': String(body.length) })
    expect(response.rawPayload).toEqual(body)
    const head = await app.inject({ method: 'HEAD', url })
    expect([head.statusCode, head.headers.etag, head.body]).toEqual([200, response.headers.etag, ''])
  }
})

describe('a CRL', () => {
  test('may be kept for an hour, and for half of what is left of its life', async () => {
    const { headers } = await get('/crl/issuing.crl')
    expect(headers['cache-control']).toBe('max-age=3600, public, no-transform, must-revalidate')
    expect(Date.parse(headers.expires as string)).toBe(ca.now + 3_600_000)
    later(7 * DAY - MINUTE)
    expect((await get('/crl/issuing.crl')).headers['cache-control']).toMatch(/^max-age=30,/)
    later(DAY)
    expect((await get('/crl/issuing.crl')).headers['cache-control']).toMatch(/^max-age=0,/)
  })

  test('is not sent again to those who have it', async () => {
    later(DAY)
    const { headers } = await get('/crl/issuing.crl')
    expect(headers['last-modified']).toBe(new Date(begin + 1000).toUTCString())
    for (const known of [
      { 'if-none-match': headers.etag as string },
      { 'if-modified-since': headers['last-modified'] as string },
    ] as Record<string, string>[]) {
      const response = await get('/crl/issuing.crl', known)
      expect([response.statusCode, response.body, response.headers.etag]).toEqual([304, '', headers.etag])
    }
  })

  test('made in the same second as another reaches those who ask by date alone', async () => {
    const asked = (await get('/crl/issuing.crl')).headers['last-modified'] as string
    await publisher.publish('issuing')
    later(DAY)
    const response = await get('/crl/issuing.crl', { 'if-modified-since': asked })
    expect(response.statusCode).toBe(200)
    expect(response.rawPayload).toEqual(publisher.current('issuing')!.der)
  })

  test('reaches those who ask by the time of their last download, however soon before it that was', async () => {
    // What `curl -z FILE` sends: when the file was written, here in the second in which the next CRL comes.
    const downloaded = { 'if-modified-since': new Date(ca.now).toUTCString() }
    await publisher.publish('issuing')
    for (const pause of [0, 30, 120, DAY]) {
      later(pause)
      expect((await get('/crl/issuing.crl', downloaded)).statusCode).toBe(200)
    }
    const again = { 'if-modified-since': new Date(begin + 1000).toUTCString() }
    expect((await get('/crl/issuing.crl', again)).statusCode).toBe(304)
  })

  test('reaches those who have one from when the clock was ahead, as Java asks: by its date alone', async () => {
    later(365 * DAY)
    await publisher.publish('issuing')
    later(MINUTE)
    const ahead = (await get('/crl/issuing.crl')).headers['last-modified'] as string
    later(-365 * DAY)
    await publisher.publish('issuing')
    later(MINUTE)
    const response = await get('/crl/issuing.crl', { 'if-modified-since': ahead })
    expect(response.statusCode).toBe(200)
    expect(response.rawPayload).toEqual(publisher.current('issuing')!.der)
  })
})

test('what is not there is a problem', async () => {
  for (const url of [
    '/crl/other.crl',
    '/crl/other.pem',
    '/ca/other.crt',
    '/ca/other.pem',
    '/crl/issuing.txt',
    '/crl/',
  ]) {
    const response = await get(url)
    expect(response.statusCode).toBe(404)
    expect(response.json()).toMatchObject({ type: 'urn:chancery:problem:notFound' })
  }
  const response = await get('/crl/root.crl')
  expect(response.statusCode).toBe(503)
  expect(response.json()).toMatchObject({ type: 'urn:chancery:problem:authorityNotReady' })
})

describe('a part of a CRL (RFC 9110 14)', () => {
  const whole = () => publisher.current('issuing')!.der
  const part = (range: string, more: Record<string, string> = {}) =>
    get('/crl/issuing.crl', { range, ...more })

  test.each([
    ['bytes=0-9', 0, 10],
    ['bytes=10-', 10, undefined],
    ['bytes=-7', -7, undefined],
    ['Bytes = 5 - 99999999', 5, undefined],
    ['bytes=-99999999', 0, undefined],
  ])('%s', async (range, start, end) => {
    const { statusCode, headers, rawPayload } = await part(range)
    const wanted = whole().subarray(start, end)
    const first = start < 0 ? whole().length + start : start
    expect(statusCode).toBe(206)
    expect(rawPayload).toEqual(wanted)
    expect(headers).toMatchObject({
      'content-range': `bytes ${first}-${first + wanted.length - 1}/${whole().length}`,
      'content-length': String(wanted.length),
      'content-type': 'application/pkix-crl',
      'accept-ranges': 'bytes',
      etag: publisher.current('issuing')!.etag,
    })
  })

  test.each(['bytes=99999999-', 'bytes=-0', 'bytes=99999999-999999999'])(
    '%s has nothing: 416',
    async (range) => {
      const { statusCode, headers, rawPayload } = await part(range)
      expect([statusCode, rawPayload.length]).toEqual([416, 0])
      expect(headers).toMatchObject({
        'content-range': `bytes */${whole().length}`,
        'cache-control': 'no-store',
      })
    },
  )

  test.each(['bytes=5-4', 'bytes=0-1,3-4', 'bytes=-', 'bytes=', 'octets=0-1', 'bytes=x-', 'bytes=1--2'])(
    '%s is none that is known: all of it',
    async (range) => {
      const { statusCode, rawPayload, headers } = await part(range)
      expect([statusCode, rawPayload.equals(whole())]).toEqual([200, true])
      expect(headers['content-range']).toBeUndefined()
    },
  )

  test('of the list that is meant alone, of GET alone, and never compressed', async () => {
    const { etag } = publisher.current('issuing')!
    expect((await part('bytes=0-1', { 'if-range': etag })).statusCode).toBe(206)
    for (const other of ['"other"', `W/${etag}`, new Date(ca.now).toUTCString()]) {
      expect((await part('bytes=0-1', { 'if-range': other })).statusCode).toBe(200)
    }
    expect((await part('bytes=0-1', { 'if-none-match': etag })).statusCode).toBe(304)
    const head = await app.inject({
      method: 'HEAD',
      url: '/crl/issuing.crl',
      headers: { range: 'bytes=0-1' },
    })
    expect([head.statusCode, head.headers['accept-ranges']]).toEqual([200, 'bytes'])
    const { headers, rawPayload } = await part('bytes=0-1', { 'accept-encoding': 'gzip' })
    expect(headers['content-encoding']).toBeUndefined()
    expect(rawPayload).toEqual(whole().subarray(0, 2))
  })
})
