import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { OcspOptions } from '../../src/config/authority-schema.ts'
import {
  createOcspResponder,
  type OcspResponder,
  type OcspResponderOptions,
} from '../../src/ocsp/responder.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../eventually.ts'
import { readAnswer } from './answer.ts'
import { certId, nonce, ocspRequest } from './ocsp-request.ts'
import { ocspOptions, RESPONDER_DEFAULTS } from './options.ts'
import { type Leaf, SmallCa } from './small-ca.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const ARCHIVE_CUTOFF = '1.3.6.1.5.5.7.48.1.6'
const NEVER_ISSUED = { serialNumber: '4f'.repeat(20) }

let ca: SmallCa
let good: Leaf
let errors: unknown[]
let responders: OcspResponder[]
let begin: number

beforeAll(async () => {
  ca = await SmallCa.create()
  begin = ca.now
  good = await ca.issue()
})
afterAll(() => ca.close())
beforeEach(() => {
  ca.now = begin
  errors = []
  responders = []
  return async () => {
    vi.useRealTimers()
    await Promise.all(responders.map((one) => one.stop()))
  }
})

function make(
  options: Partial<OcspOptions> = {},
  changes: Partial<OcspResponderOptions> = {},
): OcspResponder {
  const { authorities, store, clock } = ca
  const responder = createOcspResponder({
    ...RESPONDER_DEFAULTS,
    ...{ authorities, store, clock, options: () => ocspOptions(options) },
    onError: (error) => errors.push(error),
    ...changes,
  })
  responders.push(responder)
  return responder
}

const request = (leaf: Pick<Leaf, 'serialNumber'>, ...extensions: Buffer[]) =>
  ocspRequest([certId(ca.issuing.certificate, leaf.serialNumber)], extensions)
const ask = async (responder: OcspResponder, der: Buffer) =>
  readAnswer((await responder.respond(der)).der, ca.issuing)
/** The store, with the number of statuses that were read of it: a signature each. */
function counting(): { store: Store; count: () => number } {
  const read = vi.fn(ca.store.read.certificateStatus)
  return {
    store: { ...ca.store, read: { ...ca.store.read, certificateStatus: read } },
    count: () => read.mock.calls.length,
  }
}

test('the responder is named by its subject where the option says so', async () => {
  expect(await ask(make({ responderId: 'name' }), request(good))).toMatchObject({
    responderName: ca.issuing.certificate.subject.toString('hex'),
    responderKeyHash: null,
    certificates: [],
  })
})

describe('a serial number that was never issued', () => {
  test('is unknown by option, signed, and not to be cached', async () => {
    const answer = await make({ neverIssued: 'unknown' }).respond(request(NEVER_ISSUED))
    expect(readAnswer(answer.der, ca.issuing).singles).toMatchObject([
      { status: 'unknown', nextUpdate: ca.seconds + 12 * HOUR },
    ])
    const several = ocspRequest(
      [good, NEVER_ISSUED].map(({ serialNumber }) => certId(ca.issuing.certificate, serialNumber)),
    )
    expect(
      (await ask(make({ neverIssued: 'unknown' }), several)).singles.map(({ status }) => status),
    ).toEqual(['good', 'unknown'])
  })

  test('pushes nothing out of the cache, and costs no more than so many signatures', async () => {
    const { store, count } = counting()
    const responder = make({ neverIssued: 'unknown' }, { cacheEntries: 2, uncachedRate: 5, store })
    await responder.respond(request(good))
    const statuses: string[] = []
    for (let n = 0; n < 9; n++) {
      const serialNumber = `4f${n.toString(16).padStart(38, '0')}`
      statuses.push((await responder.respond(request({ serialNumber }))).status)
    }
    expect(statuses).toEqual([...Array(5).fill('successful'), ...Array(4).fill('tryLater')])
    const before = count()
    await responder.respond(request(good))
    expect(count()).toBe(before)
    // A flood does not fill the log.
    expect(errors).toEqual([])
  })
})

describe('an expired certificate', () => {
  let old: Leaf
  beforeAll(async () => {
    old = await ca.issue({ notAfter: begin / 1000 + HOUR })
    await ca.revoke(old, 1)
  })
  const revoked = { singles: [{ status: 'revoked' }] }

  test('has a status for ever, unless the options say otherwise', async () => {
    ca.now = begin + 40 * DAY * 1000
    expect(await ask(make(), request(old))).toMatchObject(revoked)
    expect((await ask(make(), request(old))).singles[0]!.extensions).toEqual([])
  })

  test('has none by option, once it has expired', async () => {
    const responder = make({ expired: 'unauthorized' })
    ca.now = begin + HOUR * 1000
    expect(await ask(responder, request(old))).toMatchObject(revoked)
    ca.now += 12 * HOUR * 1000
    expect(await ask(responder, request(old))).toMatchObject({ status: 'unauthorized', signed: false })
  })

  test('has one until the archive cutoff, which every answer says', async () => {
    const responder = make({ archiveCutoff: 30 * DAY })
    ca.now = begin + (30 * DAY + HOUR) * 1000
    const answer = await ask(responder, request(old))
    expect(answer).toMatchObject(revoked)
    const cutoff = new Date(ca.now - 30 * DAY * 1000).toISOString().replace(/[-:T]|\.\d+/g, '')
    expect(answer.singles[0]!.extensions).toEqual([`${ARCHIVE_CUTOFF} ${cutoff}`])
    ca.now += DAY * 1000
    expect((await ask(responder, request(old))).status).toBe('unauthorized')
    expect((await ask(responder, request(good))).singles[0]!.extensions).toHaveLength(1)
  })
})

describe('beyond the rate', () => {
  test('a nonce is left out, and the answer comes from the cache', async () => {
    const { store, count } = counting()
    const responder = make({}, { uncachedRate: 2, store })
    const nonces: boolean[] = []
    for (let n = 0; n < 5; n++) {
      const answer = await ask(responder, request(good, nonce(16)))
      expect(answer.singles[0]!.status).toBe('good')
      nonces.push(answer.nonce !== null)
    }
    expect(nonces).toEqual([true, true, false, false, false])
    expect(count()).toBe(3)
    ca.now += 500
    expect((await ask(responder, request(good, nonce(16)))).nonce).not.toBeNull()
    expect((await ask(responder, request(good, nonce(16)))).nonce).toBeNull()
  })

  test('several certificates at once are for later', async () => {
    const responder = make({}, { uncachedRate: 1 })
    const id = certId(ca.issuing.certificate, good.serialNumber)
    expect((await ask(responder, ocspRequest([id, id]))).status).toBe('successful')
    expect((await ask(responder, ocspRequest([id, id]))).status).toBe('tryLater')
    expect((await ask(responder, request(good))).status).toBe('successful')
  })
})

describe('ahead of time', () => {
  const lookAhead = () => vi.advanceTimersByTimeAsync(30_000)

  test('what was asked for again is signed anew, and what was not is left alone', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const other = await ca.issue()
    const { store, count } = counting()
    const responder = make({}, { store })
    await responder.start()
    const first = (await responder.respond(request(good))).der
    await responder.respond(request(other))
    await responder.respond(request(good))
    expect(count()).toBe(2)

    ca.now = begin + 4.7 * HOUR * 1000
    await lookAhead()
    expect(count()).toBe(2)
    ca.now = begin + 4.9 * HOUR * 1000
    await lookAhead()
    await eventually(() => expect(count()).toBe(3))
    ca.now = begin + 5.5 * HOUR * 1000
    const held = async () => (await responder.respond(request(good))).der
    await eventually(async () => expect((await held()).equals(first)).toBe(false))
    expect(readAnswer(await held(), ca.issuing).producedAt).toBe(Math.floor(begin / 1000 + 4.9 * HOUR))
    expect(count()).toBe(3)
  })

  test('a failure is told, and the answer of before goes on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let isDown = false
    const read: typeof ca.store.read.certificateStatus = (...of) =>
      isDown ? Promise.reject(new Error('away')) : ca.store.read.certificateStatus(...of)
    const responder = make(
      {},
      { store: { ...ca.store, read: { ...ca.store.read, certificateStatus: read } } },
    )
    await responder.start()
    const { der } = await responder.respond(request(good))
    await responder.respond(request(good))
    isDown = true
    ca.now = begin + 5 * HOUR * 1000
    await lookAhead()
    await eventually(() => expect(errors).toHaveLength(1))
    expect((await responder.respond(request(good))).der).toEqual(der)
  })

  test('nothing is asked of a store that is not open yet, however long that takes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const read = {} as Store['read']
    const responder = make({}, { store: { ...ca.store, read } })
    await lookAhead()
    Object.assign(read, ca.store.read)
    await responder.start()
    await lookAhead()
    expect(errors).toEqual([])
  })
})

test('a revocation replaces what is held, for every hash that was asked with', async () => {
  const leaf = await ca.issue()
  const { store, count } = counting()
  const responder = make({}, { store })
  const requests = (['sha1', 'sha256'] as const).map((hash) =>
    ocspRequest([certId(ca.issuing.certificate, leaf.serialNumber, hash)]),
  )
  for (const der of requests) expect((await ask(responder, der)).singles[0]!.status).toBe('good')
  await ca.revoke(leaf, 1)
  await responder.certificateChanged('issuing', leaf.serialNumber)
  expect(count()).toBe(4)
  for (const der of requests) expect((await ask(responder, der)).singles[0]!.status).toBe('revoked')
  expect(count()).toBe(4)
  await responder.certificateChanged('issuing', good.serialNumber)
  expect(count()).toBe(4)
})
