import { verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { Authority } from '../ca/authority.ts'
import { CaError } from '../errors.ts'
import { nextCrlNumber } from '../pki/crl/number.ts'
import { assembleSigned } from '../pki/signed.ts'
import type { CrlRow } from '../store/queries.ts'
import type { CrlBuilder } from './builder.ts'

const verifySignature = promisify(verify)

export interface CrlTimes {
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds from thisUpdate to nextUpdate. */
  readonly lifetime: number
  /** Seconds from one scheduled CRL to the next. */
  readonly refreshAfter: number
}

/** The CRL that follows `previous`, signed; it is for the caller to store it before anybody sees it. */
export async function signNextCrl(
  { id, certificate, keyIdentifier, signer }: Authority,
  previous: Pick<CrlRow, 'number' | 'thisUpdate'> | null,
  builder: CrlBuilder,
  { now, lifetime, refreshAfter }: CrlTimes,
): Promise<CrlRow> {
  if (!signer)
    throw new CaError('authorityNotReady', `The key of authority "${id}" is not here to sign a CRL.`)
  if (certificate.notAfter <= now) {
    throw new CaError(
      'authorityNotReady',
      `The certificate of authority "${id}" has expired; it signs no more CRLs.`,
    )
  }
  const number = nextCrlNumber(previous?.number ?? null, now)
  const nextUpdate = Math.min(now + lifetime, certificate.notAfter)
  const { tbs, count } = await builder.build(id, firstExpiry(previous, now, refreshAfter), {
    signature: { identifier: signer.algorithm.identifier },
    issuer: certificate.subject,
    thisUpdate: now,
    nextUpdate,
    authorityKeyIdentifier: keyIdentifier,
    number,
  })
  const signature = await signer.sign(tbs)
  // A CRL that does not verify makes every relying party refuse every peer.
  if (!(await verifySignature(signer.algorithm.hash, tbs, signer.publicKey, signature))) {
    throw new CaError('internal', 'The signer made a signature that does not verify.')
  }
  const der = assembleSigned(tbs, signer.algorithm, signature)
  return { number, thisUpdate: now, nextUpdate, entries: count, der }
}

/**
 * RFC 5280 3.3: an entry stays until one regularly scheduled CRL after the certificate's expiry has had it. CRLs
 * made for a revocation come in between and put the schedule off, so that the last CRL was later than the expiry
 * is not enough: two of the schedule's intervals must have passed as well.
 */
function firstExpiry(previous: Pick<CrlRow, 'thisUpdate'> | null, now: number, interval: number): number {
  return previous ? Math.min(previous.thisUpdate, now - 2 * interval) : 0
}
