import { epochSeconds, rfc3339 } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { type CertificateInfo, parseCertificate } from '../../pki/certificate/parse.ts'
import { type CrlEntryInfo, readCrlEntries } from '../../pki/crl/parse-entry.ts'
import { REASON } from '../../pki/crl/reasons.ts'
import type { CrlRow } from '../../store/queries.ts'
import type { Store } from '../../store/store.ts'
import { auditEntry, SYSTEM_ORIGIN } from '../audit.ts'
import { installCrl } from '../hierarchy/install-crl.ts'
import { type ProvenCrl, proveCrl } from '../hierarchy/prove-crl.ts'
import { carryRevocation, takeOverRevocation } from '../revoke.ts'

/** What a CRL that was handed out after the backup has brought back. */
export interface CarriedOver {
  readonly authority: string
  readonly number: number
  /** How many revocations the database lacked and has now. */
  readonly recorded: number
  /** Serial numbers of revoked certificates that the database does not know; they stay in the CRL and revoked for OCSP. */
  readonly unknown: readonly string[]
}

/** Entries that share one sync of the disk. */
const STEP = 500

interface Issuer {
  readonly id: string
  readonly certificate: CertificateInfo
  readonly hasKey: boolean
}

/**
 * Proves CRLs that relying parties have seen and records what the database lacks of them. Of several of one authority the
 * newest counts: an older one may list holds that were lifted. Throws `CaError` "badCrl" for one that is not an authority's
 * own full CRL, or is older than the database's.
 */
export async function carryOverCrls(
  store: Store,
  crls: readonly Uint8Array[],
  now: Date,
): Promise<CarriedOver[]> {
  const issuers = (await store.read.authorities()).flatMap(({ id, certificate, keyFile }): Issuer[] =>
    certificate ? [{ id, certificate: parseCertificate(certificate), hasKey: keyFile !== null }] : [],
  )
  const newest = new Map<Issuer, ProvenCrl>()
  for (const der of crls) {
    const { issuer, crl } = proven(der, issuers)
    const known = newest.get(issuer)
    if (!known || known.number < crl.number) newest.set(issuer, crl)
  }
  const carried: CarriedOver[] = []
  for (const [issuer, crl] of newest) {
    const { id } = issuer
    const stored = await store.read.latestCrl(id)
    if (stored && isThe(crl, stored)) {
      carried.push({ authority: id, number: stored.number, recorded: 0, unknown: [] })
      continue
    }
    if (stored && crl.number <= stored.number) {
      throw new CaError(
        'badCrl',
        `The CRL of "${id}" has number ${crl.number}, and the backup has number ${stored.number}: it is no newer, and brings nothing back. Leave it out, or give a newer one.`,
      )
    }
    if (issuer.hasKey) carried.push(await carryOver(store, issuer, crl, now))
    else carried.push(...(await keep(store, issuer, issuers, crl, now)))
  }
  return carried
}

/** Whoever brings the newest that can be found may bring the backup's own: where nothing happened since, there is no other. */
function isThe(crl: ProvenCrl, stored: CrlRow): boolean {
  if (crl.number !== BigInt(stored.number)) return false
  if (stored.der.length > 0) return stored.der.equals(crl.der)
  return crl.thisUpdate === stored.thisUpdate && crl.count === stored.entries
}

function proven(der: Uint8Array, issuers: readonly Issuer[]): { issuer: Issuer; crl: ProvenCrl } {
  let refusal: unknown = new CaError('badCrl', 'There is no authority that could have signed the CRL.')
  for (const issuer of issuers) {
    try {
      return { issuer, crl: proveCrl(der, issuer.certificate) }
    } catch (error) {
      refusal = error
    }
  }
  throw refusal
}

async function carryOver(store: Store, { id }: Issuer, crl: ProvenCrl, now: Date): Promise<CarriedOver> {
  const number = checkedNumber(crl, now)
  const entries = [...readCrlEntries(crl.entries, 'badCrl')]
  if (entries.some(({ reason }) => reason === REASON.removeFromCRL)) {
    throw new CaError('badCrl', 'The CRL is full and lists removeFromCRL, which belongs into deltas alone.')
  }
  let recorded = 0
  const unknown: string[] = []
  for (let from = 0; from < entries.length; from += STEP) {
    const step = entries.slice(from, from + STEP).map(async (entry) => {
      const { serialNumber, reason } = entry
      const audit = auditOf('certificate.revoke', serialNumber, now, { reason, fromCrl: number })
      const outcome = await takeOver(store, entry, id, audit)
      if (outcome === 'unknown') unknown.push(serialNumber)
      else if (outcome === 'recorded') recorded++
    })
    await Promise.all(step)
  }
  await store.write('recordCrl', {
    ...{ authority: id, number, der: crl.der, entries: crl.count },
    ...{ thisUpdate: crl.thisUpdate, nextUpdate: crl.nextUpdate ?? crl.thisUpdate },
  })
  return { authority: id, number, recorded, unknown }
}

async function takeOver(
  store: Store,
  entry: CrlEntryInfo,
  authority: string,
  audit: ReturnType<typeof auditOf>,
): Promise<'recorded' | 'known' | 'unknown'> {
  const certificate = await store.read.certificate(entry.serialNumber)
  if (certificate?.authority !== authority) {
    await carryRevocation(store, authority, entry, audit)
    return 'unknown'
  }
  const isSettled = certificate.revocation && certificate.revocation.reason !== REASON.certificateHold
  if (isSettled) return 'known'
  return (await takeOverRevocation(store, entry, audit)).changed ? 'recorded' : 'known'
}

function checkedNumber(crl: ProvenCrl, now: Date): number {
  if (crl.thisUpdate > epochSeconds(now)) {
    throw new CaError(
      'badCrl',
      `The CRL is from the future: its thisUpdate is ${rfc3339(crl.thisUpdate)}. Set this machine’s clock first.`,
    )
  }
  if (crl.number > Number.MAX_SAFE_INTEGER) {
    throw new CaError('badCrl', `The cRLNumber ${crl.number} is above 2^53, the largest that is kept here.`)
  }
  return Number(crl.number)
}

/**
 * One of an authority whose key is elsewhere is served again as it is, also where its certificate was renewed with its key; what it
 * lists was never recorded one by one.
 */
async function keep(
  store: Store,
  { id, certificate }: Issuer,
  issuers: readonly Issuer[],
  { der, number }: ProvenCrl,
  now: Date,
): Promise<CarriedOver[]> {
  const audit = auditOf('crl.install', id, now, {})
  const elsewhere = issuers.filter(({ hasKey }) => !hasKey).map((one) => ({ ...one, signer: null }))
  const ids = await installCrl(store, { id, certificate, signer: null }, der, now, audit, elsewhere)
  return ids.map((authority) => ({ authority, number: Number(number), recorded: 0, unknown: [] }))
}

function auditOf(action: string, target: string, now: Date, detail: Record<string, unknown>) {
  return auditEntry(action, 'ok', target, { id: 'system:cli' }, SYSTEM_ORIGIN, now, detail)
}
