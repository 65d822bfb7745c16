import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Authority } from '../../src/ca/authority.ts'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { type CrlPublisher, type CrlPublisherOptions, createCrlPublisher } from '../../src/crl/publisher.ts'
import { CaError } from '../../src/errors.ts'
import { encodeCrlTbs } from '../../src/pki/crl/list.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { assembleSigned } from '../../src/pki/signed.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../eventually.ts'
import { type Leaf, SmallCa } from '../ocsp/small-ca.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { crlOptions, readCrl } from './published.ts'

const HOUR = 3600
const DAY = 24 * HOUR

let ca: SmallCa
let publishers: CrlPublisher[]
let errors: unknown[]

beforeEach(async () => {
  publishers = []
  errors = []
  ca = await SmallCa.create()
})
afterEach(async () => {
  vi.useRealTimers()
  for (const publisher of publishers) await publisher.stop()
  await ca.close()
})

function make(changes: Partial<CrlPublisherOptions> = {}): CrlPublisher {
  const { authorities, store, clock } = ca
  const onError = (_authority: string, error: unknown) => errors.push(error)
  const publisher = createCrlPublisher({
    ...{ authorities, store, clock, coalesce: 0, onError },
    options: () => crlOptions(),
    urls: () => null,
    ...changes,
  })
  publishers.push(publisher)
  return publisher
}

async function started(changes: Partial<CrlPublisherOptions> = {}): Promise<CrlPublisher> {
  const publisher = make(changes)
  await publisher.start()
  return publisher
}

const listed = (publisher: CrlPublisher) =>
  readCrl(publisher.current('issuing')!.der, ca.issuing).serialNumbers
const later = (seconds: number) => {
  ca.now += seconds * 1000
}

/** What a root's owner does where its key is. */
async function storeRootCrl(number: number, lifetime = 90 * DAY): Promise<void> {
  const fields = { thisUpdate: ca.seconds, nextUpdate: ca.seconds + lifetime, number }
  const tbs = encodeCrlTbs({
    ...fields,
    signature: ca.rootSigner.algorithm,
    issuer: ca.root.certificate.subject,
    entries: Buffer.alloc(0),
    authorityKeyIdentifier: ca.root.keyIdentifier,
  })
  const der = assembleSigned(tbs, ca.rootSigner.algorithm, await ca.rootSigner.sign(tbs))
  await ca.store.write('recordCrl', { authority: 'root', ...fields, der, entries: 0 })
}

describe('the first CRL', () => {
  test('is there when the publisher has started, and lists nothing', async () => {
    const crl = (await started()).current('issuing')!
    expect(crl).toMatchObject({
      number: ca.seconds,
      entries: 0,
      thisUpdate: ca.seconds,
      nextUpdate: ca.seconds + 7 * DAY,
    })
    expect(String(await crl.pemOctets)).toBe(encodePem('X509 CRL', crl.der))
    expect(readCrl(crl.der, ca.issuing)).toEqual({
      issuer: ca.issuing.certificate.subject,
      thisUpdate: ca.seconds,
      nextUpdate: ca.seconds + 7 * DAY,
      number: ca.seconds,
      keyIdentifier: ca.issuing.certificate.subjectKeyIdentifier,
      critical: 0,
      serialNumbers: null,
    })
  })

  test('is nobody’s where there is no key or no such authority', async () => {
    const publisher = await started()
    expect(publisher.current('root')).toBeNull()
    expect(publisher.current('other')).toBeNull()
    await expect(publisher.publish('root')).rejects.toMatchObject({ code: 'authorityNotReady' })
    await expect(publisher.publish('other')).rejects.toMatchObject({ code: 'unknownAuthority' })
  })
})

describe('a revocation', () => {
  test('is in the CRL that publish resolves to, however many come at once', async () => {
    const publisher = await started({ coalesce: 5 })
    const leaves = await Promise.all(Array.from({ length: 40 }, () => ca.issue()))
    const numbers = new Set<number>()
    await Promise.all(
      leaves.map(async (leaf) => {
        await ca.revoke(leaf, 1)
        const crl = await publisher.publish('issuing')
        numbers.add(crl.number)
        expect(readCrl(crl.der, ca.issuing).serialNumbers).toContain(leaf.serialNumber)
      }),
    )
    expect(Math.max(...numbers)).toBe((await ca.store.read.latestCrl('issuing'))!.number)
    expect(numbers.size).toBeLessThan(leaves.length)
    expect(listed(publisher)!.sort()).toEqual(leaves.map(({ serialNumber }) => serialNumber).sort())
  })

  test('of a hold leaves the CRL when it is lifted', async () => {
    const publisher = await started()
    const leaf = await ca.issue()
    await ca.revoke(leaf, 6)
    await publisher.publish('issuing')
    expect(listed(publisher)).toEqual([leaf.serialNumber])
    await ca.release(leaf)
    expect((await publisher.publish('issuing')).number).toBe(ca.seconds + 2)
    expect(listed(publisher)).toBeNull()
  })

  test('leaves after a scheduled CRL past the expiry has had it (RFC 5280 3.3)', async () => {
    const publisher = await started()
    const leaf = await ca.issue({ notAfter: ca.seconds + HOUR })
    await ca.revoke(leaf, 1)
    // Made for some other revocation, not by the schedule: such a CRL does not count.
    for (let i = 0; i < 3; i++) {
      later(HOUR)
      await publisher.publish('issuing')
      expect(listed(publisher)).toEqual([leaf.serialNumber])
    }
    later(DAY)
    await publisher.publish('issuing')
    expect(listed(publisher)).toEqual([leaf.serialNumber])
    later(DAY)
    await publisher.publish('issuing')
    expect(listed(publisher)).toBeNull()
  })
})

describe('after a restart', () => {
  async function restart(): Promise<CrlPublisher> {
    await publishers.at(-1)!.stop()
    return started()
  }

  test('the stored CRL is served while it is current', async () => {
    const leaf = await ca.issue()
    await ca.revoke(leaf, 1)
    const before = (await started()).current('issuing')!
    const expired = await ca.issue({ notAfter: ca.seconds + 1 })
    await ca.revoke(expired, 1)
    await publishers[0]!.publish('issuing')
    later(HOUR)
    const after = (await restart()).current('issuing')!
    expect(after.number).toBe(before.number + 1)
    expect(after.thisUpdate).toBe(ca.seconds - HOUR)
  })

  test('a revocation and a release that missed the last CRL get a new one', async () => {
    const leaf = await ca.issue()
    const { number } = (await started()).current('issuing')!
    await ca.revoke(leaf, 6)
    let publisher = await restart()
    expect([publisher.current('issuing')!.number, listed(publisher)]).toEqual([
      number + 1,
      [leaf.serialNumber],
    ])
    await ca.release(leaf)
    publisher = await restart()
    expect([publisher.current('issuing')!.number, listed(publisher)]).toEqual([number + 2, null])
  })

  test('a stale CRL is replaced', async () => {
    await started()
    later(DAY)
    const crl = (await restart()).current('issuing')!
    expect(crl).toMatchObject({ number: ca.seconds, thisUpdate: ca.seconds })
  })
})

test('a number does not come again after an older backup was restored (RFC 5280 5.2.3)', async () => {
  const publisher = await started()
  const file = `${ca.store.databaseFile}.backup`
  new Database(ca.store.databaseFile, { readonly: true }).exec(`VACUUM INTO '${file}'`).close()
  const seen: number[] = []
  for (let i = 0; i < 5; i++) {
    later(60)
    seen.push((await publisher.publish('issuing')).number)
  }
  later(60)
  const store = await openStore({ file })
  const restored = make({ store })
  const { number } = await restored.publish('issuing')
  await restored.stop()
  await store.close()
  expect(number).toBeGreaterThan(Math.max(...seen))
})

test('numbers rise also while the clock stands or was set back', async () => {
  const publisher = await started()
  const { number } = publisher.current('issuing')!
  expect((await publisher.publish('issuing')).number).toBe(number + 1)
  later(-DAY)
  expect((await publisher.publish('issuing')).number).toBe(number + 2)
})

describe('the schedule', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))

  async function pass(seconds: number): Promise<void> {
    later(seconds)
    await vi.advanceTimersByTimeAsync(seconds * 1000)
  }

  test('replaces a CRL after a day, with the clock looked at every hour', async () => {
    const publisher = await started()
    const first = ca.seconds
    for (let hour = 1; hour < 24; hour++) await pass(HOUR)
    expect(publisher.current('issuing')!.thisUpdate).toBe(first)
    await pass(HOUR)
    await eventually(() => expect(publisher.current('issuing')!.thisUpdate).toBe(first + DAY))
  })

  test('follows a clock that leaps forward within a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    const publisher = await started()
    later(8 * DAY)
    await vi.advanceTimersByTimeAsync(1000)
    await eventually(() => expect(publisher.current('issuing')!.thisUpdate).toBe(ca.seconds))
    expect(publisher.health()[1]).toMatchObject({ ok: true })
  })

  test('tries again at once when it is started again, as after the disk recovered', async () => {
    let full = false
    const write: Store['write'] = (kind, input) =>
      full ? Promise.reject(new CaError('storeFailed', 'The disk is full.')) : ca.store.write(kind, input)
    const publisher = await started({ store: { ...ca.store, write } })
    full = true
    await expect(publisher.publish('issuing')).rejects.toMatchObject({ code: 'storeFailed' })
    // A revocation may be missing in the one that is served.
    expect(publisher.health()[1]).toMatchObject({ ok: false, reason: 'The disk is full.' })
    full = false
    await publisher.start()
    expect(publisher.health()[1]).toMatchObject({ ok: true, reason: null })
  })

  test('tries again a minute after a failure', async () => {
    let full = true
    const write: Store['write'] = (kind, input) =>
      full ? Promise.reject(new CaError('storeFailed', 'The disk is full.')) : ca.store.write(kind, input)
    const publisher = await started({ store: { ...ca.store, write } })
    expect(publisher.current('issuing')).toBeNull()
    expect(publisher.health()[1]).toMatchObject({
      authority: 'issuing',
      ok: false,
      reason: 'The disk is full.',
    })
    expect(errors).toMatchObject([{ code: 'storeFailed' }])
    full = false
    await pass(59)
    expect(publisher.current('issuing')).toBeNull()
    await pass(1)
    await eventually(() =>
      expect(publisher.health()[1]).toMatchObject({ number: ca.seconds, ok: true, reason: null }),
    )
  })

  test('tries again soon also where the clock was set back after the failure', async () => {
    let full = false
    const write: Store['write'] = (kind, input) =>
      full ? Promise.reject(new CaError('storeFailed', 'The disk is full.')) : ca.store.write(kind, input)
    const publisher = await started({ store: { ...ca.store, write } })
    const { number } = publisher.current('issuing')!
    full = true
    later(365 * DAY)
    await expect(publisher.publish('issuing')).rejects.toMatchObject({ code: 'storeFailed' })
    later(-365 * DAY)
    full = false
    await pass(HOUR)
    await eventually(() => expect(publisher.current('issuing')!.number).toBeGreaterThan(number))
    expect(publisher.health()[1]).toMatchObject({ ok: true, reason: null })
  })

  test('takes over a CRL of the root that was brought', async () => {
    await storeRootCrl(4)
    const publisher = await started()
    expect(publisher.current('root')!.number).toBe(4)
    await storeRootCrl(5)
    await pass(HOUR)
    await eventually(() => expect(publisher.current('root')!.number).toBe(5))
  })

  test('warns once a day while a CRL has to be brought, and no more when it was', async () => {
    const told: string[] = []
    const onWarning = (authority: string, reason: string) => told.push(`${authority}: ${reason}`)
    const publisher = await started({ onWarning })
    expect(told).toEqual([expect.stringContaining('root: It has no CRL')])
    await publisher.start()
    for (let hour = 1; hour < 24; hour++) await pass(HOUR)
    expect(told).toHaveLength(1)
    await pass(HOUR)
    await eventually(() => expect(told).toHaveLength(2))

    await storeRootCrl(1, 33 * DAY)
    await publisher.reload('root')
    for (let day = 1; day <= 2; day++) await pass(DAY)
    expect(told).toHaveLength(2)
    await pass(DAY)
    await eventually(() => expect(told[2]).toMatch(/^root: Its CRL ends at/))
    await pass(30 * DAY)
    await eventually(() => expect(told[3]).toMatch(/^root: Its CRL has expired/))
  })

  test('says nothing of an authority that has ended', async () => {
    const told: string[] = []
    ca.now = ca.root.certificate.notAfter * 1000
    await started({ onWarning: (authority) => told.push(authority) })
    expect(told).toEqual([])
  })

  test('ends with the publisher', async () => {
    const publisher = await started()
    await publisher.stop()
    expect(vi.getTimerCount()).toBe(0)
    await expect(publisher.publish('issuing')).rejects.toMatchObject({ code: 'overloaded' })
    await expect(publisher.start()).rejects.toMatchObject({ code: 'overloaded' })
  })
})

describe('health', () => {
  test('says what relying parties would stumble over', async () => {
    await storeRootCrl(1, 31 * DAY)
    const publisher = await started()
    const end = ca.seconds + 31 * DAY
    expect(publisher.health()).toEqual([
      { authority: 'root', number: 1, nextUpdate: end, ok: true, reason: null },
      {
        authority: 'issuing',
        number: ca.seconds,
        nextUpdate: ca.seconds + 7 * DAY,
        ok: true,
        reason: null,
      },
    ])
    later(DAY)
    expect(publisher.health()[0]).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^Its CRL ends at \S+Z\. Its key is not here.*crl install root FILE/),
    })
    ca.now = end * 1000
    expect(publisher.health()).toMatchObject([
      { ok: false, reason: expect.stringMatching(/^Its CRL has expired\. Its key is not here/) },
      { ok: false, reason: 'Its CRL has expired.' },
    ])
  })

  test('is no worse for a root elsewhere that has no CRL yet, but says what to do', async () => {
    expect((await started()).health()[0]).toEqual({
      authority: 'root',
      number: null,
      nextUpdate: null,
      ok: true,
      reason: expect.stringMatching(
        /no CRL, which consumers.* bring it with "chancery crl install root FILE"/,
      ),
    })
  })

  test('asks for no partitions of a root elsewhere, whose CRL is brought whole', async () => {
    await storeRootCrl(4, 3650 * DAY)
    const told: string[] = []
    const publisher = await started({
      options: () => crlOptions({ partitions: 2 }),
      urls: () => publicUrls('http://ca.example.test'),
      onWarning: (authority, reason) => told.push(`${authority}: ${reason}`),
    })
    expect(publisher.health()).toMatchObject([
      { authority: 'root', number: 4, ok: true, reason: null },
      { authority: 'issuing', ok: true, reason: null },
    ])
    expect(publisher.partitions('root')).toEqual([])
    expect(publisher.partitions('issuing')).toEqual([0, 1])
    expect(told).toEqual([])
  })

  test('is bad where the key is here and there is no CRL', async () => {
    expect(make().health()[1]).toMatchObject({ authority: 'issuing', ok: false, reason: 'It has no CRL.' })
  })
})

describe('nothing is served', () => {
  test('that is not stored, or does not verify', async () => {
    const publisher = await started()
    const first = publisher.current('issuing')
    const signer = { ...ca.issuing.signer!, sign: () => ca.rootSigner.sign(Buffer.alloc(1)) }
    const bad = await started({ authorities: () => [{ ...ca.issuing, signer }] })
    await expect(bad.publish('issuing')).rejects.toThrow('does not verify')
    expect(bad.current('issuing')).toEqual(first)
    expect((await ca.store.read.latestCrl('issuing'))!.number).toBe(first!.number)
  })

  test('that outlives its issuer', async () => {
    const { notAfter } = ca.issuing.certificate
    const publisher = await started()
    ca.now = (notAfter - DAY) * 1000
    expect((await publisher.publish('issuing')).nextUpdate).toBe(notAfter)
    ca.now = notAfter * 1000
    await expect(publisher.publish('issuing')).rejects.toMatchObject({ code: 'authorityNotReady' })
    expect(publisher.health().map(({ authority }) => authority)).toEqual(['root'])
  })

  test('where the list cannot be read', async () => {
    await ca.revoke(await ca.issue(), 1)
    const store = { ...ca.store, databaseFile: `${ca.store.databaseFile}.missing` }
    const publisher = make({ store })
    await expect(publisher.publish('issuing')).rejects.toMatchObject({ code: 'storeFailed' })
  })
})

test('a CRL that was brought is served at once, and never an older one', async () => {
  await storeRootCrl(2)
  const publisher = await started()
  await storeRootCrl(3)
  expect(publisher.current('root')!.number).toBe(2)
  await publisher.reload('root')
  expect(publisher.current('root')!.number).toBe(3)
  await publisher.stop()
  await expect(publisher.reload('root')).rejects.toMatchObject({ code: 'overloaded' })
})

test('an authority that is added is published by the next start', async () => {
  let authorities: readonly Authority[] = [ca.root]
  const publisher = await started({ authorities: () => authorities })
  authorities = ca.authorities()
  await publisher.start()
  expect(publisher.current('issuing')!.number).toBe(ca.seconds)
})

describe.skipIf(toolIsMissing('openssl'))('openssl', () => {
  const chain = () =>
    [ca.root, ca.issuing].map(({ certificate }) => encodePem('CERTIFICATE', certificate.der)).join('')

  test('reads and verifies a long CRL', async () => {
    const leaves: Leaf[] = await Promise.all(Array.from({ length: 2000 }, () => ca.issue()))
    await Promise.all(
      leaves.map((leaf, i) => ca.revoke(leaf, [0, 1, 4, 9][i % 4]!, i % 2 ? ca.seconds - DAY : null)),
    )
    const crl = (await started()).current('issuing')!
    expect(crl.entries).toBe(2000)
    const text = runTool(
      'openssl',
      ['crl', '-inform', 'DER', '-in', 'a.crl', '-CAfile', 'chain.pem', '-verify', '-noout', '-text'],
      {
        'a.crl': crl.der,
        'chain.pem': chain(),
      },
    )
    expect(text).toContain('Version 2 (0x1)')
    expect(text).not.toContain('critical')
    expect(text.match(/Serial Number: /g)).toHaveLength(2000)
    expect(text.match(/CRL Reason Code/g)).toHaveLength(1500)
    expect(text.match(/Invalidity Date/g)).toHaveLength(1000)
    for (const { serialNumber } of leaves.slice(0, 5)) expect(text).toContain(serialNumber.toUpperCase())
  })

  test('checks a whole chain with the CRLs of both authorities', async () => {
    await storeRootCrl(1)
    const [good, revoked] = [await ca.issue(), await ca.issue()]
    await ca.revoke(revoked, 1)
    const publisher = await started()
    const files = {
      'root.pem': encodePem('CERTIFICATE', ca.root.certificate.der),
      'issuing.pem': encodePem('CERTIFICATE', ca.issuing.certificate.der),
      'crls.pem': ['root', 'issuing'].map((id) => encodePem('X509 CRL', publisher.current(id)!.der)).join(''),
    }
    const verify = ({ der }: Leaf) =>
      runTool(
        'openssl',
        [
          'verify',
          '-crl_check_all',
          '-CAfile',
          'root.pem',
          '-untrusted',
          'issuing.pem',
          '-CRLfile',
          'crls.pem',
          'leaf.pem',
        ],
        { ...files, 'leaf.pem': encodePem('CERTIFICATE', der) },
      )
    expect(verify(good)).toContain('OK')
    expect(() => verify(revoked)).toThrow('certificate revoked')
  })
})
