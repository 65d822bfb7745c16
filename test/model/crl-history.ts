import { expect } from 'vitest'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { REASON, reasonName } from '../../src/pki/crl/reasons.ts'
import { DAY, type TestCa } from '../api/ca-fixture.ts'
import { readCrl } from '../crl/published.ts'
import { scopeExtensions } from '../crl/scope-extensions.ts'
import type { Model } from './model.ts'

/** Serial number to "when why", or null where it is removed. */
type Listed = ReadonlyMap<string, string | null>

interface Seen {
  readonly number: number
  readonly der: Buffer
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly listed: Listed
  /** The number of the CRL that a delta counts from. */
  readonly base?: number
}

/** `crl.refresh`: its default. Seconds. */
const REFRESH = DAY

/** Every CRL that was served, by scope: what relying parties may have kept. */
export class CrlHistory {
  readonly #fulls = new Map<number | null, Seen[]>()
  readonly #deltas = new Map<number | null, Seen>()

  /** Fetches what is current in each scope and holds it against the model and what was served before. */
  async look(ca: TestCa, model: Model): Promise<void> {
    const { partitions } = model.crl
    const scopes = [null, ...(partitions > 1 ? Array.from({ length: partitions }, (_, n) => n) : [])]
    for (const scope of scopes) {
      const path = scope === null ? '/crl/intermediate' : `/crl/intermediate/${scope}`
      this.#lookAtFull(scope, await fetchCrl(ca, `${path}.crl`), model)
      if (model.crl.delta)
        this.#lookAtDelta(scope, await fetchCrl(ca, `${path}/delta.crl`), model, ca.seconds)
      if (model.crl.onRevocation === 'full') {
        const { listed } = this.#fulls.get(scope)!.at(-1)!
        expect(unexpired(listed, model, ca.seconds)).toEqual(expected(scope, model, ca.seconds + 1))
        expect(model.revoked(scope).map(({ serialNumber }) => serialNumber)).toEqual(
          expect.arrayContaining([...listed.keys()]),
        )
      }
    }
  }

  #lookAtFull(scope: number | null, crl: Seen, model: Model): void {
    const fulls = this.#fulls.get(scope) ?? []
    this.#fulls.set(scope, fulls)
    const before = fulls.at(-1)
    expect(crl.base).toBeUndefined()
    if (before && follows(before, crl)) return
    fulls.push(crl)
    // RFC 5280 3.3: an entry stays until a CRL of the schedule after the certificate's expiry has had it.
    const floor = before ? Math.min(before.thisUpdate, crl.thisUpdate - 2 * REFRESH) : 0
    expect(dated(crl.listed, model)).toEqual(expected(scope, model, floor))
  }

  #lookAtDelta(scope: number | null, delta: Seen, model: Model, now: number): void {
    const before = this.#deltas.get(scope)
    if (before) follows(before, delta)
    this.#deltas.set(scope, delta)
    const fulls = this.#fulls.get(scope)!
    expect(delta.number).toBeGreaterThanOrEqual(fulls.at(-1)!.number)
    expect(fulls.map(({ number }) => number)).toContain(delta.base)
    // RFC 5280 5.2.4: it may be applied to its base and to whatever full CRL came after that.
    for (const full of fulls.filter(({ number }) => number >= delta.base!)) {
      const applied = new Map([...full.listed, ...delta.listed])
      expect(unexpired(applied, model, now), `delta on ${full.number}`).toEqual(
        expected(scope, model, now + 1),
      )
    }
  }
}

/** True for the very same CRL; a number never falls and never stands for other bytes. */
function follows(before: Seen, { number, der }: Seen): boolean {
  expect(number).toBeGreaterThanOrEqual(before.number)
  if (number === before.number) expect(der.equals(before.der), `CRL ${number} changed`).toBe(true)
  return number === before.number
}

/** What must stand there of the certificates whose life ends at `floor` or later. */
function expected(scope: number | null, model: Model, floor: number): Listed {
  return new Map(
    model
      .revoked(scope)
      .filter(({ notAfter }) => notAfter >= floor)
      .map(({ serialNumber, revocation: { revokedAt, reason, wasAhead } }) => [
        serialNumber,
        `${wasAhead ? EARLIER : revokedAt} ${reason}`,
      ]),
  )
}

/** In the place of the date of what was revoked while the clock was ahead. */
const EARLIER = 'earlier'

function dated(listed: Listed, model: Model): Listed {
  const ahead = new Set(
    model.revoked(null).flatMap((one) => (one.revocation.wasAhead ? one.serialNumber : [])),
  )
  return new Map(
    [...listed].map(([serialNumber, why]) => [
      serialNumber,
      ahead.has(serialNumber) ? (why?.replace(/^\d+/, EARLIER) ?? null) : why,
    ]),
  )
}

/** Without what has expired or was removed. */
function unexpired(listed: Listed, model: Model, now: number): Listed {
  const alive = new Set(
    model.certificates.filter(({ notAfter }) => notAfter > now).map(({ serialNumber }) => serialNumber),
  )
  return new Map(
    [...dated(listed, model)].filter(([serialNumber, why]) => why !== null && alive.has(serialNumber)),
  )
}

async function fetchCrl(ca: TestCa, path: string): Promise<Seen> {
  const { status, body: der } = await ca.call(path, { method: 'GET', as: null }, ca.http)
  expect(status).toBe(200)
  const { number, thisUpdate, nextUpdate } = readCrl(der, ca.service.authorities.issuing())
  expect(thisUpdate).toBeLessThanOrEqual(ca.seconds)
  expect(nextUpdate).toBeGreaterThan(ca.seconds)
  const { deltaBase } = scopeExtensions(der)
  const entries = [...readCrlEntries(parseCrl(der).entries)]
  for (const { revokedAt, reason } of entries)
    if (reason !== REASON.removeFromCRL) expect(revokedAt).toBeLessThanOrEqual(thisUpdate)
  const listed = new Map(
    entries.map(({ serialNumber, revokedAt, reason }) => [
      serialNumber,
      reason === REASON.removeFromCRL ? null : `${revokedAt} ${reasonName(reason)}`,
    ]),
  )
  expect(listed.size).toBe(entries.length)
  return { number, der, thisUpdate, nextUpdate, listed, ...(deltaBase ? { base: deltaBase } : {}) }
}
