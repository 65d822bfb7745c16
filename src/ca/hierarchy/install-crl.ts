import { epochSeconds, rfc3339 } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import type { CertificateInfo } from '../../pki/certificate/parse.ts'
import type { AuditEntry, CrlRecord } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import type { Authority } from '../authority.ts'
import { isCrlOf, type ProvenCrl, proveCrl } from './prove-crl.ts'

type Brought = Pick<Authority, 'id' | 'certificate' | 'signer'>

/**
 * Takes over a CRL of an authority whose key is elsewhere, after proving that it is the authority's, whole, current and
 * newer than the one before; and of those among `all` that are the same CA by another certificate. The one that is here may be
 * brought again, since an answer may be lost, or leave in doubt what came of it. Gives the ids of those whose CRL it is. Throws
 * `CaError`: "badCrl" with the reason; "conflict" where the key is here, or another CRL of this number or above.
 */
export async function installCrl(
  store: Store,
  { id, certificate, signer }: Brought,
  der: Uint8Array,
  now: Date,
  audit: AuditEntry,
  all: readonly Brought[] = [],
): Promise<readonly string[]> {
  if (signer)
    throw new CaError(
      'conflict',
      `The key of authority "${id}" is here: the service makes its CRLs by itself.`,
    )
  const crl = firstCrl(der, certificate, epochSeconds(now))
  const stored = await store.read.latestCrl(id)
  if (stored?.der.equals(crl.der)) return [id]
  refuseUnlessNewer(crl, id, stored)
  const { number, entries } = crl
  const others = all.filter((one) => one.id !== id && !one.signer && isCrlOf(der, one.certificate))
  const alsoOf = await thoseBehind(store, others, number)
  await store.write('recordCrl', {
    ...{ ...crl, authority: id, alsoOf },
    audit: { ...audit, detail: { ...audit.detail, number, entries, ...(alsoOf.length > 0 && { alsoOf }) } },
  })
  return [id, ...alsoOf]
}

/** Those that have no CRL of this number or above. */
export async function thoseBehind(
  store: Store,
  some: readonly Pick<Authority, 'id'>[],
  number: number,
): Promise<string[]> {
  const stored = await Promise.all(some.map(({ id }) => store.read.latestCrl(id)))
  return some.filter((_, i) => (stored[i]?.number ?? 0) < number).map(({ id }) => id)
}

/** Proven to be the authority's, current, and newer than the one before. `now` in seconds since 1970. */
export async function crlToBring(
  store: Store,
  { id, certificate }: Pick<Authority, 'id' | 'certificate'>,
  der: Uint8Array,
  now: number,
): Promise<Omit<CrlRecord, 'audit'>> {
  const crl = firstCrl(der, certificate, now)
  refuseUnlessNewer(crl, id, await store.read.latestCrl(id))
  return { ...crl, authority: id }
}

function refuseUnlessNewer(
  { number }: Pick<CrlRecord, 'number'>,
  id: string,
  stored: Pick<CrlRecord, 'number'> | null,
): void {
  if (!stored || number > stored.number) return
  throw new CaError(
    'conflict',
    `The CRL has number ${number}, but number ${stored.number} of "${id}" is here already. Make one with a higher number.`,
  )
}

/** Of an authority that has none here: its own, and current. `now` in seconds since 1970. */
export function firstCrl(
  der: Uint8Array,
  certificate: CertificateInfo,
  now: number,
): Omit<CrlRecord, 'audit' | 'authority'> {
  const crl = proveCrl(der, certificate)
  const nextUpdate = checkCrlTimes(crl, now)
  // RFC 5280 5.2.3 allows 20 octets; the database counts as JavaScript does.
  if (crl.number > Number.MAX_SAFE_INTEGER) {
    throw new CaError('badCrl', `The cRLNumber ${crl.number} is above 2^53, the largest that is kept here.`)
  }
  const { thisUpdate, count: entries } = crl
  return { number: Number(crl.number), thisUpdate, nextUpdate, der: crl.der, entries }
}

/** Its nextUpdate. `now` in seconds since 1970. Throws `CaError` "badCrl" where it is not current. */
function checkCrlTimes({ thisUpdate, nextUpdate }: ProvenCrl, now: number): number {
  if (thisUpdate > now) {
    throw new CaError(
      'badCrl',
      `The CRL is from the future: its thisUpdate is ${rfc3339(thisUpdate)}. Compare the clocks of both machines.`,
    )
  }
  if (nextUpdate === null) {
    throw new CaError('badCrl', 'The CRL has no nextUpdate (RFC 5280 5.1.2.5).')
  }
  if (nextUpdate <= now) {
    throw new CaError(
      'badCrl',
      `The CRL has expired: its nextUpdate was ${rfc3339(nextUpdate)}. Make a new one.`,
    )
  }
  return nextUpdate
}
