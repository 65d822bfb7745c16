import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { encodeCrlEntry } from '../../pki/crl/entry.ts'
import { readCrlEntries } from '../../pki/crl/parse-entry.ts'
import { REASON } from '../../pki/crl/reasons.ts'
import { refuseOutside } from './ca-certificate.ts'
import { proveCrl } from './prove-crl.ts'
import { makeRootCrl, type OpenRoot } from './root.ts'

export interface RootRevocation {
  /** Lower-case hexadecimal without leading zero octets. */
  readonly serialNumber: string
  /** CRLReason. */
  readonly reason: number
}

export interface NextRootCrlWish {
  /** The last CRL, DER: what it lists stays listed. Null only for a root that has never made one. */
  readonly previous: Uint8Array | null
  readonly revoke: readonly RootRevocation[]
  /** Seconds; cut at the root's end. */
  readonly validity: number
}

export interface MadeRootCrl {
  readonly der: Buffer
  readonly number: number
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly entries: number
}

/** The CRL that follows the root's last one. Throws `CaError` "badCrl" or "conflict" where nothing can follow it. */
export async function makeNextRootCrl(
  root: OpenRoot,
  { previous, revoke, validity }: NextRootCrlWish,
  now: Date,
): Promise<MadeRootCrl> {
  const { certificate } = root
  const thisUpdate = epochSeconds(now)
  refuseOutside(certificate, now)
  const last = previous && proveCrl(previous, certificate)
  // RFC 5280 5.2.3: a higher number must not come with an earlier time. Machines that are offline often have wrong clocks.
  if (last && last.thisUpdate > thisUpdate) {
    throw new CaError('conflict', 'The previous CRL is from the future: set the clock of this machine.')
  }
  const number = (last?.number ?? 0n) + 1n
  if (number > Number.MAX_SAFE_INTEGER)
    throw new CaError(
      'badCrl',
      `The previous CRL has number ${last!.number}; no number above it is kept here.`,
    )
  const entries = nextEntries(last?.entries ?? Buffer.alloc(0), revoke, thisUpdate)
  const nextUpdate = Math.min(thisUpdate + validity, certificate.notAfter)
  const der = await makeRootCrl(root, Number(number), Buffer.concat(entries), nextUpdate, now)
  return { der, number: Number(number), thisUpdate, nextUpdate, entries: entries.length }
}

/** What was listed, byte for byte, then what is new. A hold becomes final; every other revocation is final already. */
function nextEntries(previous: Buffer, revoke: readonly RootRevocation[], revokedAt: number): Buffer[] {
  const entries = new Map<string, { readonly bytes: Buffer; readonly reason: number }>()
  for (const { serialNumber, bytes, reason } of readCrlEntries(previous)) {
    entries.set(serialNumber, { bytes, reason })
  }
  for (const { serialNumber, reason } of revoke) {
    const listed = entries.get(serialNumber)
    if (listed && listed.reason !== REASON.certificateHold)
      throw new CaError(
        'conflict',
        `${serialNumber} is revoked already. Leave it out: what is listed stays listed.`,
      )
    entries.delete(serialNumber)
    const facts = { serialNumber, revokedAt, reason, invalidityDate: null }
    entries.set(serialNumber, { bytes: encodeCrlEntry(facts), reason })
  }
  return [...entries.values()].map(({ bytes }) => bytes)
}
