import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import type { CrlOptions } from '../../src/config/authority-schema.ts'
import { type CrlPublisher, type CrlPublisherOptions, createCrlPublisher } from '../../src/crl/publisher.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { crlPartition } from '../../src/pki/crl/partition.ts'
import { REASON } from '../../src/pki/crl/reasons.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { type Leaf, SmallCa } from '../ocsp/small-ca.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { crlOptions, readCrl } from './published.ts'
import { scopeExtensions } from './scope-extensions.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const URLS = publicUrls('http://ca.example.test')

let ca: SmallCa
let publishers: CrlPublisher[]

beforeEach(async () => {
  publishers = []
  ca = await SmallCa.create()
})
afterEach(async () => {
  for (const publisher of publishers) await publisher.stop()
  await ca.close()
})

async function started(
  changes: Partial<CrlOptions>,
  more: Partial<CrlPublisherOptions> = {},
): Promise<CrlPublisher> {
  const { authorities, store, clock } = ca
  // Once: the publisher asks for them at every turn, and a whole configuration is built for them.
  const options = crlOptions(changes)
  const publisher = createCrlPublisher({
    ...{ authorities, store, clock, coalesce: 0 },
    options: () => options,
    urls: () => URLS,
    onError: (_authority, error) => {
      throw error
    },
    ...more,
  })
  publishers.push(publisher)
  await publisher.start()
  return publisher
}

const scope = (partition: number | null = null) => ({ authority: 'issuing', partition })
const full = (publisher: CrlPublisher, partition: number | null = null) =>
  publisher.find(scope(partition), 'full')!
const delta = (publisher: CrlPublisher, partition: number | null = null) =>
  publisher.find(scope(partition), 'delta')!
const entriesOf = (der: Buffer) =>
  Object.fromEntries(
    [...readCrlEntries(parseCrl(der).entries)].map(({ serialNumber, reason }) => [serialNumber, reason]),
  )
/** What a relying party makes of a full CRL that it has and a delta (RFC 5280 5.2.4). */
function combined(base: Buffer, changes: Buffer): Record<string, number> {
  const { deltaBase, number } = scopeExtensions(changes)
  const own = scopeExtensions(base)
  expect(own.number).toBeGreaterThanOrEqual(deltaBase!)
  expect(own.number).toBeLessThan(number)
  const sum = { ...entriesOf(base), ...entriesOf(changes) }
  return Object.fromEntries(Object.entries(sum).filter(([, reason]) => reason !== REASON.removeFromCRL))
}

describe('a delta CRL', () => {
  test('is critical, counts from the full one, and is pointed to by it', async () => {
    const publisher = await started({ delta: true })
    const first = scopeExtensions(full(publisher).der)
    expect(first).toEqual({ number: ca.seconds, freshest: ['http://ca.example.test/crl/issuing/delta.crl'] })
    expect(scopeExtensions(delta(publisher).der)).toEqual({ number: ca.seconds, deltaBase: ca.seconds })
    expect(delta(publisher)).toMatchObject({ entries: 0, nextUpdate: ca.seconds + HOUR })
    expect(readCrl(delta(publisher).der, ca.issuing)).toMatchObject({ serialNumbers: null, critical: 1 })
  })

  test('made with a full one has its number, and says the same together with an older full one', async () => {
    const publisher = await started({ delta: true })
    const [kept, held, later] = [await ca.issue(), await ca.issue(), await ca.issue()]
    await ca.revoke(kept, REASON.keyCompromise)
    await ca.revoke(held, REASON.certificateHold)
    await publisher.publish('issuing')
    const old = full(publisher).der
    ca.now += 60_000
    await ca.release(held)
    await ca.revoke(later, REASON.superseded)
    await publisher.publish('issuing')
    expect(full(publisher).number).toBe(delta(publisher).number)
    expect(entriesOf(delta(publisher).der)).toEqual({
      [kept.serialNumber]: REASON.keyCompromise,
      [held.serialNumber]: REASON.removeFromCRL,
      [later.serialNumber]: REASON.superseded,
    })
    expect(combined(old, delta(publisher).der)).toEqual(entriesOf(full(publisher).der))
  })

  test('drops what its base knows once a new base is a full interval old', async () => {
    const publisher = await started({ delta: true })
    const [one, two] = [await ca.issue(), await ca.issue()]
    await ca.revoke(one, REASON.certificateHold)
    await publisher.publish('issuing')
    const old = full(publisher).der
    ca.now += DAY * 1000
    await ca.release(one)
    await publisher.publish('issuing')
    // The delta beside the new base still takes along who has the old one.
    expect(combined(old, delta(publisher).der)).toEqual({})
    ca.now += HOUR * 1000
    await ca.revoke(two, REASON.superseded)
    await publisher.publish('issuing')
    expect(entriesOf(delta(publisher).der)).toEqual({ [two.serialNumber]: REASON.superseded })
  })

  test('forgets a release when the certificate is revoked again', async () => {
    const publisher = await started({ delta: true })
    const leaf = await ca.issue()
    await ca.revoke(leaf, REASON.certificateHold)
    await ca.release(leaf)
    await ca.revoke(leaf, REASON.keyCompromise)
    await publisher.publish('issuing')
    expect(entriesOf(delta(publisher).der)).toEqual({ [leaf.serialNumber]: REASON.keyCompromise })
  })

  test('is all that a revocation makes where the options say so, the full one following at its time', async () => {
    const publisher = await started({ delta: true, onRevocation: 'delta' })
    const before = full(publisher)
    const leaf = await ca.issue()
    ca.now += 1000
    await ca.revoke(leaf, REASON.keyCompromise)
    await publisher.publish('issuing')
    expect(full(publisher)).toBe(before)
    expect(combined(before.der, delta(publisher).der)).toEqual({ [leaf.serialNumber]: REASON.keyCompromise })
    ca.now += DAY * 1000
    await publisher.publish('issuing')
    expect(entriesOf(full(publisher).der)).toEqual({ [leaf.serialNumber]: REASON.keyCompromise })
    expect(full(publisher).number).toBe(delta(publisher).number)
  })

  test('is there again after a restart, and made anew where it missed a change', async () => {
    const first = await started({ delta: true, onRevocation: 'delta' })
    const leaf = await ca.issue()
    await first.publish('issuing')
    await first.stop()
    const second = await started({ delta: true, onRevocation: 'delta' })
    expect(delta(second).number).toBe(delta(first).number)
    await second.stop()
    await ca.revoke(leaf, REASON.keyCompromise)
    const third = await started({ delta: true, onRevocation: 'delta' })
    expect(delta(third).number).toBeGreaterThan(delta(second).number)
    expect(entriesOf(delta(third).der)).toEqual({ [leaf.serialNumber]: REASON.keyCompromise })
    expect(full(third).number).toBe(full(first).number)
  })

  test('that knows more than the full one brings that up at the next start', async () => {
    const first = await started({ delta: true })
    const leaf = await ca.issue()
    await ca.revoke(leaf, REASON.keyCompromise)
    await first.stop()
    // As if the process had died after a scheduled delta, before the full CRL of the revocation.
    const alone = await started({ delta: true, onRevocation: 'delta' })
    expect(entriesOf(full(alone).der)).toEqual({})
    expect(entriesOf(delta(alone).der)).toEqual({ [leaf.serialNumber]: REASON.keyCompromise })
    await alone.stop()
    const second = await started({ delta: true })
    expect(entriesOf(full(second).der)).toEqual({ [leaf.serialNumber]: REASON.keyCompromise })
  })

  test('ends with the option, and begins again with it', async () => {
    const first = await started({ delta: true })
    await first.stop()
    const second = await started({})
    expect(second.find(scope(), 'delta')).toBeNull()
    expect(scopeExtensions(full(second).der)).toEqual({ number: ca.seconds + 1 })
    expect((await ca.store.read.scopeCrls(scope())).delta).toBeNull()
    await second.stop()
    const third = await started({ delta: true })
    expect(scopeExtensions(full(third).der).freshest).toHaveLength(1)
    expect(delta(third).number).toBe(full(third).number)
  })

  test('is pointed to where it is now once the address changed', async () => {
    const old = publicUrls('http://old.example.test')
    const first = await started({ delta: true }, { urls: () => old })
    expect(scopeExtensions(full(first).der).freshest).toEqual([
      'http://old.example.test/crl/issuing/delta.crl',
    ])
    await first.stop()
    ca.now += 60_000
    const next = await started({ delta: true })
    expect(scopeExtensions(full(next).der).freshest).toEqual(['http://ca.example.test/crl/issuing/delta.crl'])
    const { number } = full(next)
    await next.stop()
    expect(full(await started({ delta: true })).number).toBe(number)
  })

  test('lapses no later than the certificate of its issuer', async () => {
    ca.now = ca.issuing.certificate.notAfter * 1000 - 600_000
    const publisher = await started({ delta: true })
    expect(delta(publisher).nextUpdate).toBe(ca.issuing.certificate.notAfter)
  })
})

/** As the issuer does it. */
function issueIn(partitions: number, urls = URLS): Promise<Leaf & { partition: number }> {
  const serialNumber = `40${ca.seconds.toString(16)}${(++issued).toString(16).padStart(24, '0')}`
  const number = crlPartition(serialNumber, partitions)
  return ca
    .issue({ serialNumber, partition: { number, url: urls.crl('issuing', number) } })
    .then((leaf) => ({ ...leaf, partition: number }))
}
let issued = 0

describe('partitions', () => {
  test('each name the address that certificates name, and list their own alone', async () => {
    const publisher = await started({ partitions: 3 })
    expect(publisher.partitions('issuing')).toEqual([0, 1, 2])
    const leaves = await Promise.all(Array.from({ length: 12 }, () => issueIn(3)))
    for (const leaf of leaves) await ca.revoke(leaf, REASON.superseded)
    await publisher.publish('issuing', [0, 1, 2])
    for (const partition of [0, 1, 2]) {
      const own = leaves.filter((leaf) => leaf.partition === partition)
      expect(scopeExtensions(full(publisher, partition).der)).toEqual({
        number: full(publisher, partition).number,
        locations: [`http://ca.example.test/crl/issuing/${partition}.crl`],
      })
      expect(readCrl(full(publisher, partition).der, ca.issuing).critical).toBe(1)
      expect(Object.keys(entriesOf(full(publisher, partition).der)).sort()).toEqual(
        own.map(({ serialNumber }) => serialNumber).sort(),
      )
    }
    expect(Object.keys(entriesOf(full(publisher).der))).toHaveLength(12)
    expect(scopeExtensions(full(publisher).der).locations).toBeUndefined()
  })

  test('that nothing changed in are left as they are', async () => {
    const publisher = await started({ partitions: 2 })
    const leaf = await issueIn(2)
    await ca.revoke(leaf)
    const before = [0, 1].map((partition) => full(publisher, partition).number)
    await publisher.publish('issuing', [leaf.partition])
    const other = 1 - leaf.partition
    expect(full(publisher, other).number).toBe(before[other])
    expect(full(publisher, leaf.partition).number).toBeGreaterThan(before[leaf.partition]!)
  })

  test('may grow and shrink: a certificate stays in the one that it names', async () => {
    const first = await started({ partitions: 4 })
    const leaves: Awaited<ReturnType<typeof issueIn>>[] = []
    const isEnough = () =>
      leaves.filter(({ partition }) => partition === 3).length >= 3 &&
      new Set(leaves.map(({ partition }) => partition)).size === 4
    while (!isEnough()) leaves.push(await issueIn(4))
    await first.stop()
    for (const partitions of [9, 2, 1]) {
      const publisher = await started({ partitions })
      expect(publisher.partitions('issuing')).toEqual(
        Array.from({ length: Math.max(partitions, 4) }, (_, n) => n),
      )
      const leaf = leaves.find((one) => one.partition === 3)!
      leaves.splice(leaves.indexOf(leaf), 1)
      await ca.revoke(leaf, REASON.superseded)
      await publisher.publish('issuing', [3])
      expect(Object.keys(entriesOf(full(publisher, 3).der))).toContain(leaf.serialNumber)
      await publisher.stop()
    }
  })

  test('name every address that certificates of theirs name, the newest first', async () => {
    const old = publicUrls('http://old.example.test')
    const first = await started({ partitions: 2 }, { urls: () => old })
    const leaf = await issueIn(2, old)
    await first.stop()
    const second = await started({ partitions: 2 })
    const file = `${leaf.partition}.crl`
    expect(scopeExtensions(full(second, leaf.partition).der).locations).toEqual([
      `http://ca.example.test/crl/issuing/${file}`,
      `http://old.example.test/crl/issuing/${file}`,
    ])
    expect(scopeExtensions(full(second, 1 - leaf.partition).der).locations).toHaveLength(1)
  })

  test('are made a few at a time, so that other writes find room', async () => {
    let waiting = 0
    let most = 0
    const write: typeof ca.store.write = async (kind, input) => {
      most = Math.max(most, ++waiting)
      return ca.store.write(kind, input).finally(() => waiting--)
    }
    const publisher = await started({ partitions: 100 }, { store: { ...ca.store, write } })
    expect(publisher.partitions('issuing').every((one) => full(publisher, one) !== null)).toBe(true)
    expect(most).toBeLessThanOrEqual(32)
  })

  test('have deltas of their own', async () => {
    const publisher = await started({ partitions: 2, delta: true })
    const [one, other] = [await issueIn(2), await issueIn(2)]
    const base = full(publisher, one.partition)
    ca.now += 1000
    for (const leaf of [one, other]) await ca.revoke(leaf, REASON.keyCompromise)
    await publisher.publish('issuing', [0, 1])
    const changes = delta(publisher, one.partition)
    expect(scopeExtensions(changes.der)).toEqual({
      number: changes.number,
      deltaBase: base.number,
      locations: [URLS.crl('issuing', one.partition)],
    })
    const own = [one, other].filter(({ partition }) => partition === one.partition)
    expect(Object.keys(combined(base.der, changes.der)).sort()).toEqual(
      own.map(({ serialNumber }) => serialNumber).sort(),
    )
    expect(scopeExtensions(full(publisher, 0).der).freshest).toEqual([URLS.deltaCrl('issuing', 0)])
  })
})

describe('a CRL that has grown large', () => {
  test('is warned about once a day, with the setting to change', async () => {
    const told: string[] = []
    const publisher = await started(
      { warnOver: 1024, partitions: 2, delta: true },
      { onWarning: (authority, reason) => authority === 'issuing' && told.push(reason) },
    )
    for (let n = 0; n < 40; n++) await ca.revoke(await ca.issue(), REASON.keyCompromise)
    expect(told).toEqual([])
    await publisher.publish('issuing')
    await publisher.publish('issuing')
    expect(told).toEqual([expect.stringMatching(/^The full CRL has \d+ octets.*crl\.partitions.*crl\.delta/)])
    expect(publisher.health()[1]).toMatchObject({
      ok: true,
      reason: expect.stringMatching(/^The full CRL has/),
    })
    ca.now += DAY * 1000
    await publisher.publish('issuing')
    expect(told).toHaveLength(2)
  })
})

describe.skipIf(toolIsMissing('openssl'))('openssl', () => {
  test('takes a delta with its base, and the release in it', async () => {
    const publisher = await started({ delta: true })
    const [held, later] = [await ca.issue(), await ca.issue()]
    await ca.revoke(held, REASON.certificateHold)
    await publisher.publish('issuing')
    const base = full(publisher)
    ca.now += 1000
    await ca.release(held)
    await ca.revoke(later, REASON.superseded)
    await publisher.publish('issuing')

    const directory = mkdtempSync(join(tmpdir(), 'chancery-delta-'))
    try {
      const file = (name: string, text: string) => {
        writeFileSync(join(directory, name), text)
        return join(directory, name)
      }
      const pem = (der: Buffer) => encodePem('CERTIFICATE', der)
      const anchors = file('ca.pem', pem(ca.root.certificate.der) + pem(ca.issuing.certificate.der))
      const crls = file(
        'crls.pem',
        [base, delta(publisher)].map(({ der }) => encodePem('X509 CRL', der)).join(''),
      )
      const verify = (leaf: Leaf, ...flags: string[]) =>
        runTool('openssl', [
          ...['verify', '-attime', String(ca.seconds), '-CAfile', anchors, '-CRLfile', crls],
          ...['-crl_check', '-extended_crl', ...flags],
          file(`${leaf.serialNumber}.pem`, pem(leaf.der)),
        ])
      expect(verify(held, '-use_deltas')).toMatch(/: OK$/m)
      expect(() => verify(later, '-use_deltas')).toThrow('certificate revoked')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
