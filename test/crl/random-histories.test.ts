import { randomInt } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { CertificateList } from '@peculiar/asn1-x509'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { type CrlPublisher, createCrlPublisher } from '../../src/crl/publisher.ts'
import { type Leaf, SmallCa } from '../ocsp/small-ca.ts'
import { seeded } from '../scenario/load.ts'
import { type LibraryEntry, libraryTbs, tbsOf } from './library-crl.ts'
import { crlOptions, readCrl } from './published.ts'
import { scopeExtensions } from './scope-extensions.ts'

const REMOVE_FROM_CRL = 8
const HOLD = 6
const REASONS = [0, 1, 3, 4, 5, HOLD, HOLD, HOLD]
const OPTIONS = crlOptions({ delta: true })
const DELTA_URL = 'http://ca.example.test/crl/issuing/delta.crl'

let ca: SmallCa
let publisher: CrlPublisher
beforeEach(async () => {
  ca = await SmallCa.create()
  // Nothing is made but what the test asks for: what each CRL knew of is written down there.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { authorities, store, clock } = ca
  publisher = createCrlPublisher({
    ...{ authorities, store, clock, coalesce: 0, options: () => OPTIONS },
    urls: () => publicUrls('http://ca.example.test'),
    onError: (_authority, error) => {
      throw error
    },
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await publisher.stop()
  await ca.close()
})

interface Fate extends LibraryEntry {
  /** Its place in the history. */
  readonly change: number
}

test('full CRLs and deltas of random histories are what a library makes of the same facts, octet for octet', {
  timeout: 120_000,
}, async () => {
  const seed = Number(process.env.CRL_SEED ?? randomInt(2 ** 31))
  console.log(`CRL_SEED=${seed}`)
  const random = seeded(seed)
  const any = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const leaves: Leaf[] = []
  for (let n = 0; n < 30; n++) leaves.push(await ca.issue())
  const fates = new Map<string, Fate>()
  let change = 0
  /** What each full CRL knew of, by its number. */
  const known = new Map<number, number>()

  async function happen(): Promise<void> {
    const leaf = any(leaves)
    const { serialNumber } = leaf
    const before = fates.get(serialNumber)
    const isHeld = before?.reason === HOLD
    if (before && !isHeld && before.reason !== REMOVE_FROM_CRL) return
    const at = ca.seconds
    if (isHeld && random() < 0.6) {
      await ca.release(leaf)
      const facts = { serialNumber, at, reason: REMOVE_FROM_CRL, invalidityDate: null }
      fates.set(serialNumber, { ...facts, change: ++change })
      return
    }
    if (isHeld) return
    const reason = any(REASONS)
    const invalidityDate = random() < 0.3 ? at - Math.floor(random() * 1_000_000) : null
    await ca.revoke(leaf, reason, invalidityDate)
    fates.set(serialNumber, { serialNumber, at, reason, invalidityDate, change: ++change })
  }

  /** In the order of the CRL itself, which is for it to choose. */
  function expectTbs(der: Buffer, lifetime: number, base: number | null, facts: readonly Fate[]): void {
    const { number, thisUpdate, serialNumbers } = readCrl(der, ca.issuing)
    const bySerial = new Map(facts.map((one) => [one.serialNumber, one]))
    expect((serialNumbers ?? []).toSorted()).toEqual([...bySerial.keys()].toSorted())
    expect(thisUpdate).toBe(ca.seconds)
    const expected = libraryTbs({
      ...{ number, thisUpdate, nextUpdate: thisUpdate + lifetime, base },
      issuer: ca.issuing.certificate.subject,
      keyIdentifier: ca.issuing.keyIdentifier,
      deltaUrl: base === null ? DELTA_URL : null,
      entries: (serialNumbers ?? []).map((serialNumber) => bySerial.get(serialNumber)!),
    })
    const made = tbsOf(AsnConvert.parse(der, CertificateList))
    // `readCrl` has shown that what the library writes of this is what was served.
    expect(made.toString('hex')).toBe(expected.toString('hex'))
  }

  await publisher.start()
  known.set(publisher.current('issuing')!.number, 0)
  let withRemovals = 0
  let bases = new Set<number>()
  for (let round = 0; round < 40; round++) {
    ca.now += 1000 * Math.ceil(random() * (random() < 0.2 ? 2 * OPTIONS.refresh : 600))
    if (round === 20) ca.now += 1000 * 2 * OPTIONS.refresh
    for (let n = Math.floor(random() * 6); n > 0; n--) await happen()
    // Whatever chance has it: one that is held and released, and a base that is outworn.
    if (round === 10) {
      const leaf = await ca.issue()
      const facts = { serialNumber: leaf.serialNumber, at: ca.seconds, invalidityDate: null }
      await ca.revoke(leaf, HOLD)
      await ca.release(leaf)
      change += 2
      fates.set(leaf.serialNumber, { ...facts, reason: REMOVE_FROM_CRL, change })
    }
    const full = await publisher.publish('issuing')
    known.set(full.number, change)
    const all = [...fates.values()]
    expectTbs(
      full.der,
      OPTIONS.validity,
      null,
      all.filter(({ reason }) => reason !== REMOVE_FROM_CRL),
    )
    const delta = publisher.find({ authority: 'issuing', partition: null }, 'delta')!
    const base = scopeExtensions(delta.der).deltaBase!
    bases = bases.add(base)
    const since = all.filter((one) => one.change > known.get(base)!)
    withRemovals += since.some(({ reason }) => reason === REMOVE_FROM_CRL) ? 1 : 0
    expectTbs(delta.der, OPTIONS.deltaValidity, base, since)
  }
  expect(withRemovals).toBeGreaterThan(0)
  expect(bases.size).toBeGreaterThan(1)
})
