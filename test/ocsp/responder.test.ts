import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Authority } from '../../src/ca/authority.ts'
import { CaError } from '../../src/errors.ts'
import {
  createOcspResponder,
  type OcspResponder,
  type OcspResponderOptions,
} from '../../src/ocsp/responder.ts'
import { context, octetString, sequence } from '../../src/pki/der/write.ts'
import type { Store } from '../../src/store/store.ts'
import { readAnswer } from './answer.ts'
import { type CertIdHash, certId, extension, nonce, ocspRequest, requestOf } from './ocsp-request.ts'
import { ocspOptions, ownSigner, RESPONDER_DEFAULTS } from './options.ts'
import { type Leaf, SmallCa } from './small-ca.ts'

const HOUR = 3600

let ca: SmallCa
let good: Leaf
let revoked: Leaf
let held: Leaf
let errors: unknown[]
let responder: OcspResponder
const begin = () => ca.issuing.certificate.notBefore + 86_400

beforeAll(async () => {
  ca = await SmallCa.create()
  ca.now = begin() * 1000
  good = await ca.issue()
  revoked = await ca.issue()
  held = await ca.issue()
  await ca.revoke(revoked, 1, null, ca.seconds - 100)
  await ca.revoke(held, 6)
})
afterAll(() => ca.close())

function make(changes: Partial<OcspResponderOptions> = {}): OcspResponder {
  const { authorities, store, clock } = ca
  return createOcspResponder({
    ...RESPONDER_DEFAULTS,
    authorities,
    store,
    clock,
    onError: (error) => errors.push(error),
    ...changes,
  })
}

beforeEach(() => {
  errors = []
  ca.now = begin() * 1000
  responder = make()
})

const idOf = ({ serialNumber }: Pick<Leaf, 'serialNumber'>, hash: CertIdHash = 'sha1') =>
  certId(ca.issuing.certificate, serialNumber, hash)
const ask = async (der: Buffer, whom = responder) => readAnswer((await whom.respond(der)).der, ca.issuing)
const statusOf = async (leaf: Leaf, whom = responder) =>
  (await ask(ocspRequest([idOf(leaf)]), whom)).singles[0]?.status
const NEVER_ISSUED = { serialNumber: '4f'.repeat(20) }

describe('the matrix', () => {
  const cases = (['sha1', 'sha256', 'sha384', 'sha512'] as const).flatMap((hash) =>
    [0, 1, 32, 128].map((octets) => ({ hash, octets })),
  )
  test.for(cases)('$hash, a nonce of $octets octets', async ({ hash, octets }) => {
    const extensions = octets > 0 ? [nonce(octets)] : []
    for (const [leaf, status] of [
      [good, 'good'],
      [revoked, 'revoked'],
      [held, 'revoked'],
    ] as const) {
      const id = idOf(leaf, hash)
      const answer = await ask(ocspRequest([id], extensions))
      expect(answer).toMatchObject({ status: 'successful', signed: true, certificates: [] })
      expect(answer.responderKeyHash).toBe(
        createHash('sha1').update(ca.issuing.certificate.keyBits).digest('hex'),
      )
      expect(answer.singles).toMatchObject([
        { status, thisUpdate: ca.seconds, nextUpdate: ca.seconds + 12 * HOUR },
      ])
      expect(answer.singles[0]!.certId).toEqual(id)
      expect(answer.nonce).toEqual(octets > 0 ? octetString(Buffer.alloc(octets, 7)) : null)
    }
    for (const id of [
      idOf(NEVER_ISSUED, hash),
      certId(ca.root.certificate, good.serialNumber, hash),
      certId({ ...ca.issuing.certificate, subject: Buffer.from('3000', 'hex') }, good.serialNumber, hash),
    ]) {
      expect(await ask(ocspRequest([id], extensions))).toMatchObject({
        status: 'unauthorized',
        signed: false,
      })
    }
  })

  test.for([0, 129])('a nonce of %i octets is malformed', async (octets) => {
    expect(await ask(ocspRequest([idOf(good)], [nonce(octets)]))).toMatchObject({
      status: 'malformedRequest',
    })
  })

  test('a nonce that stands there by itself comes back as it is, one of a single request not at all', async () => {
    const bare = extension('1.3.6.1.5.5.7.48.1.2', Buffer.alloc(6, 7))
    const of = { status: 'successful', signed: true }
    expect(await ask(ocspRequest([idOf(good)], [bare]))).toMatchObject({ ...of, nonce: Buffer.alloc(6, 7) })
    const single = sequence(idOf(good), context(0, sequence(bare)))
    expect(await ask(requestOf([single]))).toMatchObject({ ...of, nonce: null })
  })

  test('a revocation carries its time, and its reason unless that is unspecified', async () => {
    const unspecified = await ca.issue()
    await ca.revoke(unspecified, 0)
    const { singles } = await ask(ocspRequest([idOf(revoked), idOf(unspecified)]))
    expect(singles).toMatchObject([
      { status: 'revoked', reason: 1, revokedAt: begin() - 100 },
      { status: 'revoked', reason: null },
    ])
  })

  test('of two roots of one name and key, the one that has a response and still answers is asked', async () => {
    const of = { serialNumber: ca.issuing.certificate.serialNumber }
    const request = ocspRequest([certId(ca.root.certificate, of.serialNumber)])
    const life = { thisUpdate: begin(), nextUpdate: begin() + HOUR }
    const read: Store['read'] = {
      ...ca.store.read,
      ocspResponse: async (id) => (id === 'renewed' ? { ...life, der: Buffer.from('its response') } : null),
    }
    const answers = async (before: Partial<Authority>) => {
      const authorities = () => [{ ...ca.root, ...before }, { ...ca.root, id: 'renewed' }, ca.issuing]
      const whom = make({ store: { ...ca.store, read }, authorities })
      return (await whom.respond(request)).der.toString('latin1')
    }
    expect(await answers({})).toBe('its response')
    expect(await answers({ answersUntil: begin() })).toBe('its response')
  })

  test('an authority whose certificate has expired answers for nothing', async () => {
    const { notAfter } = ca.issuing.certificate
    ca.now = (notAfter - HOUR) * 1000
    const [single] = (await ask(ocspRequest([idOf(good)]))).singles
    expect(single!.nextUpdate).toBe(notAfter)
    ca.now = notAfter * 1000
    expect(await ask(ocspRequest([idOf(good)]))).toMatchObject({ status: 'unauthorized' })
  })
})

describe('several certificates in one request', () => {
  test('are answered together, in order', async () => {
    const { singles } = await ask(ocspRequest([idOf(revoked), idOf(good, 'sha256')]))
    expect(singles.map(({ status }) => status)).toEqual(['revoked', 'good'])
  })

  test('must all be of one authority, and issued', async () => {
    const root = certId(ca.root.certificate, good.serialNumber)
    for (const ids of [
      [idOf(good), root],
      [root, idOf(good)],
      [idOf(good), idOf(NEVER_ISSUED)],
    ]) {
      expect(await ask(ocspRequest(ids))).toMatchObject({ status: 'unauthorized', signed: false })
    }
  })

  test('and answers with a nonce are not for caches', async () => {
    expect((await responder.respond(ocspRequest([idOf(good), idOf(revoked)]))).cacheable).toBeNull()
    expect((await responder.respond(ocspRequest([idOf(good)], [nonce(8)]))).cacheable).toBeNull()
  })
})

describe('the cache', () => {
  test('gives one answer until half of its life is over', async () => {
    const request = ocspRequest([idOf(good)])
    const first = await responder.respond(request)
    expect(first.cacheable).toEqual({
      maxAge: 6 * HOUR,
      etag: `"${createHash('sha1').update(first.der).digest('hex')}"`,
      lastModified: begin(),
      served: { from: begin(), now: begin() },
      expires: begin() + 12 * HOUR,
    })
    ca.now += 6 * HOUR * 1000
    const second = await responder.respond(request)
    expect(second.der).toEqual(first.der)
    expect(second.cacheable!.maxAge).toBe(0)
    ca.now += 1000
    const third = await responder.respond(request)
    expect(third.der).not.toEqual(first.der)
    expect(third.cacheable).toMatchObject({ maxAge: 6 * HOUR, lastModified: ca.seconds })
  })

  test('does not hold on to answers from the future', async () => {
    ca.now += HOUR * 1000
    await statusOf(good)
    ca.now -= HOUR * 1000
    expect((await ask(ocspRequest([idOf(good)]))).singles[0]!.thisUpdate).toBe(begin())
  })

  test('forgets a certificate that changed, by every hash it was asked with', async () => {
    const leaf = await ca.issue()
    const requests = (['sha1', 'sha256'] as const).map((hash) => ocspRequest([idOf(leaf, hash)]))
    for (const request of requests) expect((await ask(request)).singles[0]!.status).toBe('good')
    await ca.revoke(leaf, 6)
    responder.certificateChanged('issuing', leaf.serialNumber)
    for (const request of requests) expect((await ask(request)).singles[0]!.status).toBe('revoked')
    await ca.release(leaf)
    responder.certificateChanged('issuing', leaf.serialNumber)
    for (const request of requests) expect((await ask(request)).singles[0]!.status).toBe('good')
  })

  test('lets go of what nothing is to be said of any more', async () => {
    const leaf = await ca.issue({ notAfter: ca.seconds + HOUR })
    const request = ocspRequest([idOf(leaf)])
    const { store, reads } = slowStore(0)
    const looking = make({ store, options: () => ocspOptions({ expired: 'unauthorized' }) })
    await looking.respond(request)
    ca.now += 6 * HOUR * 1000 + 1000
    expect((await looking.respond(request)).status).toBe('unauthorized')
    expect([...looking.held()]).toEqual([])
    expect(reads()).toBe(2)
  })

  test('is bounded, and drops what was not asked for longest', async () => {
    responder = make({ cacheEntries: 2 })
    const respond = async (leaf: Leaf) => (await responder.respond(ocspRequest([idOf(leaf)]))).der
    const first = { good: await respond(good), revoked: await respond(revoked) }
    expect(await respond(good)).toBe(first.good)
    await respond(held)
    expect(await respond(good)).toBe(first.good)
    expect(await respond(revoked)).not.toBe(first.revoked)
  })
})

/** The same store, but the first `held` statuses, once read, are kept back until the gate opens. */
function slowStore(held: number): { store: Store; opened: () => void; reads: () => number } {
  const gate = Promise.withResolvers<void>()
  let reads = 0
  const read: Store['read'] = {
    ...ca.store.read,
    async certificateStatus(authority, serialNumber) {
      const status = await ca.store.read.certificateStatus(authority, serialNumber)
      reads++
      if (reads <= held) await gate.promise
      return status
    },
  }
  return { store: { ...ca.store, read }, opened: gate.resolve, reads: () => reads }
}

describe('at one moment', () => {
  test('all who ask the same share one signature', async () => {
    const { store, opened, reads } = slowStore(20)
    const slow = make({ store })
    const answers = Promise.all(Array.from({ length: 20 }, () => slow.respond(ocspRequest([idOf(good)]))))
    opened()
    expect(new Set((await answers).map(({ der }) => der)).size).toBe(1)
    expect(reads()).toBe(1)
  })

  test('a status read before a revocation is not kept after it', async () => {
    const leaf = await ca.issue()
    const { store, opened } = slowStore(1)
    const slow = make({ store })
    const early = statusOf(leaf, slow)
    await ca.revoke(leaf, 1)
    slow.certificateChanged('issuing', leaf.serialNumber)
    expect(await statusOf(leaf, slow)).toBe('revoked')
    opened()
    expect(await early).toBe('good')
    expect(await statusOf(leaf, slow)).toBe('revoked')
  })

  test('more signatures than the signer can make are put off', async () => {
    const { store, opened } = slowStore(300)
    const slow = make({ store })
    const asked = Array.from({ length: 300 }, () => slow.respond(ocspRequest([idOf(good)], [nonce(8)])))
    opened()
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 'successful')).toHaveLength(256)
    expect(statuses.filter((status) => status === 'tryLater')).toHaveLength(44)
  })
})

describe('many that nobody asked about before', () => {
  /** A responder whose signer counts: how many it signed, and the most at once. */
  function counting() {
    const counts = { signed: 0, now: 0, most: 0 }
    const signerOf: OcspResponderOptions['signerOf'] = async (authority) => {
      const own = await ownSigner(authority)
      const sign = async (bytes: Uint8Array) => {
        counts.signed++
        counts.most = Math.max(counts.most, ++counts.now)
        await turn()
        counts.now--
        return own.signer.sign(bytes)
      }
      return { ...own, signer: { ...own.signer, sign } }
    }
    return { counts, responder: make({ signerOf }) }
  }

  test('are signed a few at a time, each once however many ask at once, and other work goes on', async () => {
    const leaves = await Promise.all(Array.from({ length: 200 }, () => ca.issue()))
    const { counts, responder } = counting()
    let turns = 0
    let done = false
    const others = (async () => {
      for (; !done; turns++) await turn()
    })()
    const asked = leaves.flatMap((leaf) => [0, 1, 2].map(() => responder.respond(ocspRequest([idOf(leaf)]))))
    const answers = await Promise.all(asked)
    done = true
    await others
    expect(answers.map(({ status }) => status)).toEqual(Array(600).fill('successful'))
    expect(counts).toMatchObject({ signed: 200, now: 0 })
    expect(counts.most).toBeLessThanOrEqual(32)
    expect(turns).toBeGreaterThan(5)
  })
})

describe('when something fails', () => {
  const failing = (error: Error): Store => ({
    ...ca.store,
    read: { ...ca.store.read, certificateStatus: () => Promise.reject(error) },
  })
  const signingWith = (sign: (tbs: Uint8Array) => Promise<Buffer>) => (): readonly Authority[] => [
    { ...ca.issuing, signer: { ...ca.issuing.signer!, sign } },
  ]

  test('the client is told to try later, or that it is our fault; the cause goes to the log', async () => {
    const storeFailed = new CaError('storeFailed', 'The disk is gone.')
    const bug = new TypeError('a bug')
    expect((await make({ store: failing(storeFailed) }).respond(ocspRequest([idOf(good)]))).status).toBe(
      'tryLater',
    )
    expect((await make({ store: failing(bug) }).respond(ocspRequest([idOf(good)]))).status).toBe(
      'internalError',
    )
    expect(errors).toEqual([storeFailed, bug])
  })

  test('a signature that does not verify is never sent', async () => {
    const authorities = signingWith(async () => ca.rootSigner.sign(Buffer.from('something else')))
    expect((await make({ authorities }).respond(ocspRequest([idOf(good)]))).status).toBe('tryLater')
  })

  test('the last answer serves for the rest of its life, unless the certificate changed', async () => {
    let broken = false
    const authorities = signingWith((tbs) =>
      broken ? Promise.reject(new CaError('internal', 'The token is gone.')) : ca.issuing.signer!.sign(tbs),
    )
    const fragile = make({ authorities })
    const request = ocspRequest([idOf(good)])
    const first = await fragile.respond(request)
    broken = true
    ca.now += 8 * HOUR * 1000
    expect((await fragile.respond(request)).der).toBe(first.der)
    expect(errors).toHaveLength(1)
    fragile.certificateChanged('issuing', good.serialNumber)
    expect((await fragile.respond(request)).status).toBe('tryLater')
    broken = false
    await fragile.respond(request)
    broken = true
    ca.now += 12 * HOUR * 1000
    expect((await fragile.respond(request)).status).toBe('tryLater')
  })
})

test('a flood of answers past half of their life is served by these, and does not fill the log', async () => {
  const leaves = await Promise.all(Array.from({ length: 300 }, () => ca.issue()))
  const requests = leaves.map((leaf) => ocspRequest([idOf(leaf)]))
  for (const request of requests) await responder.respond(request)
  ca.now += 8 * HOUR * 1000
  const answers = await Promise.all(requests.map((request) => responder.respond(request)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['successful']))
  // Those for which there were too many signatures under way.
  expect(answers.some(({ cacheable }) => cacheable!.maxAge === 0)).toBe(true)
  expect(errors).toEqual([])
})

test('every bit flip of a valid request gives a well-formed answer', async () => {
  const tireless = make({ uncachedRate: 1_000_000 })
  const requests = [
    ocspRequest([idOf(good)]),
    ocspRequest([idOf(good, 'sha256'), idOf(revoked)], [nonce(32)]),
  ]
  for (const request of requests) {
    for (let bit = 0; bit < request.length * 8; bit++) {
      const flipped = Buffer.from(request)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const answer = await ask(flipped, tireless)
      expect(['successful', 'malformedRequest', 'unauthorized']).toContain(answer.status)
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      expect((await ask(Buffer.from(bytes))).status).toBe('malformedRequest')
    }),
  )
  expect(errors).toEqual([])
})
