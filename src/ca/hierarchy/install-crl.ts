import { epochSeconds, rfc3339 } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import type { AuditEntry } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import type { Authority } from '../authority.ts'
import { type ProvenCrl, proveCrl } from './prove-crl.ts'

/**
 * Takes over a CRL of an authority whose key is elsewhere, after proving that it is the authority's, whole, current and
 * newer than the one before. Throws `CaError`: "badCrl" with the reason; "conflict" where the key is here, or where a
 * CRL of this number or above is known already.
 */
export async function installCrl(
  store: Store,
  { id, certificate, signer }: Pick<Authority, 'id' | 'certificate' | 'signer'>,
  der: Uint8Array,
  now: Date,
  audit: AuditEntry,
): Promise<void> {
  if (signer)
    throw new CaError(
      'conflict',
      `The key of authority "${id}" is here: the service makes its CRLs by itself.`,
    )
  const crl = proveCrl(der, certificate)
  const nextUpdate = checkCrlTimes(crl, epochSeconds(now))
  const stored = await store.read.latestCrl(id)
  if (stored && crl.number <= stored.number) {
    throw new CaError(
      'conflict',
      `The CRL has number ${crl.number}, but number ${stored.number} of "${id}" is here already. Make one with a higher number.`,
    )
  }
  // RFC 5280 5.2.3 allows 20 octets; the database counts as JavaScript does.
  if (crl.number > Number.MAX_SAFE_INTEGER) {
    throw new CaError('badCrl', `The cRLNumber ${crl.number} is above 2^53, the largest that is kept here.`)
  }
  const number = Number(crl.number)
  await store.write('recordCrl', {
    authority: id,
    number,
    thisUpdate: crl.thisUpdate,
    nextUpdate,
    der: crl.der,
    entries: crl.count,
    audit: { ...audit, detail: { ...audit.detail, number, entries: crl.count } },
  })
}

/** Its nextUpdate. `now` in seconds since 1970. Throws `CaError` "badCrl" where it is not current. */
export function checkCrlTimes({ thisUpdate, nextUpdate }: ProvenCrl, now: number): number {
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
