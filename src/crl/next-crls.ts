import { verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { Authority, IssuingAuthority } from '../ca/authority.ts'
import type { Signer } from '../ca/signer.ts'
import type { CrlOptions } from '../config/authority-schema.ts'
import { CaError } from '../errors.ts'
import { nextCrlNumber } from '../pki/crl/number.ts'
import { LONG_INPUT, verifyLong } from '../pki/keys/long-input.ts'
import { assembleInPlace, type Roomy, toBeSigned } from '../pki/signed.ts'
import type { CrlBase, CrlBody, CrlPublication, CrlScope } from '../store/commands.ts'
import type { ScopeCrlRow } from '../store/queries.ts'
import { traced } from '../tracing/spans.ts'
import type { CrlBuilder } from './builder.ts'
import type { BuiltTbs } from './built-lists.ts'

const verifySignature = promisify(verify)

export interface NextCrlsWish {
  readonly scope: CrlScope
  /** The full one before; null if there was none. */
  readonly previous: Pick<ScopeCrlRow, 'thisUpdate' | 'base'> | null
  /** The highest number that this scope has had; 0 if none. */
  readonly highest: number
  /** Whether the full one is made; else the delta alone. */
  readonly full: boolean
  /** Seconds since 1970. */
  readonly now: number
  readonly options: Pick<CrlOptions, 'validity' | 'refresh' | 'delta' | 'deltaValidity'>
  /** For the issuingDistributionPoint; none for all certificates. */
  readonly locations: readonly string[]
  /** Where the deltas of this scope are; null where there are none. */
  readonly deltaUrl: string | null
}

/**
 * The CRLs that follow the `previous` ones, signed; it is for the caller to store them before anybody sees them. Full CRL
 * and delta that are made together have one number and say the same (RFC 5280 5.2.4).
 */
export async function signNextCrls(
  authority: Authority,
  builder: CrlBuilder,
  wish: NextCrlsWish,
): Promise<CrlPublication> {
  const issuer = ableToSign(authority, wish.now)
  const { scope, previous, highest, now, options, locations, deltaUrl } = wish
  const number = nextCrlNumber(highest, now)
  const base = baseOfDelta(wish)
  const common = {
    signature: { identifier: issuer.signer.algorithm.identifier },
    issuer: issuer.certificate.subject,
    thisUpdate: now,
    authorityKeyIdentifier: issuer.keyIdentifier,
    number,
    locations,
  }
  const endOf = (lifetime: number) => Math.min(now + lifetime, issuer.certificate.notAfter)
  const ends = { full: endOf(options.validity), delta: endOf(options.deltaValidity) }
  const builds = traced('build CRL', () =>
    builder.build({
      scope,
      full: wish.full
        ? {
            notAfterFloor: firstExpiry(previous, now, options.refresh),
            fields: { ...common, nextUpdate: ends.full, deltaUrls: deltaUrl === null ? [] : [deltaUrl] },
          }
        : null,
      delta: options.delta
        ? {
            since: base ? base.through : null,
            fields: { ...common, nextUpdate: ends.delta, baseNumber: base?.number ?? number },
          }
        : null,
    }),
  )
  const built = await builds
  const signed = async (part: BuiltTbs | null, nextUpdate: number): Promise<CrlBody | null> =>
    part && { nextUpdate, entries: part.count, der: await sign(part, issuer) }
  const { through } = built
  return {
    ...{ ...scope, number, thisUpdate: now, through, locations },
    base: nextBase(base, wish, { number, thisUpdate: now, through }),
    full: await signed(built.full, ends.full),
    delta: await signed(built.delta, ends.delta),
  }
}

function ableToSign(authority: Authority, now: number): IssuingAuthority {
  const { id, certificate, signer } = authority
  if (!signer)
    throw new CaError('authorityNotReady', `The key of authority "${id}" is not here to sign a CRL.`)
  if (certificate.notAfter <= now) {
    throw new CaError(
      'authorityNotReady',
      `The certificate of authority "${id}" has expired; it signs no more CRLs.`,
    )
  }
  return { ...authority, signer }
}

async function sign(roomy: Roomy, { signer }: IssuingAuthority): Promise<Buffer> {
  const tbs = toBeSigned(roomy)
  const signature = await traced('sign CRL', () => signer.sign(tbs, 'status'))
  // A CRL that does not verify makes every relying party refuse every peer.
  if (!(await verifies(tbs, signer, signature))) {
    throw new CaError('internal', 'The signer made a signature that does not verify.')
  }
  return assembleInPlace(roomy, signer.algorithm, signature)
}

function verifies(tbs: Uint8Array, { algorithm, publicKey }: Signer, signature: Buffer): Promise<boolean> {
  const { hash } = algorithm
  return hash !== null && tbs.length >= LONG_INPUT
    ? verifyLong(hash, tbs, publicKey, signature)
    : verifySignature(hash, tbs, publicKey, signature)
}

/**
 * Null for the full one that is made beside it. What was made before the clock was set back is no base: certificates that had expired by
 * then live again, and of those that were revoked it has none.
 */
function baseOfDelta({ previous, full, now }: NextCrlsWish): CrlBase | null {
  const base = previous?.base ?? null
  return full && base && base.thisUpdate > now ? null : base
}

/**
 * Deltas count from a full CRL for one interval, so that whoever fetched any full one in it can go on with them. The delta
 * that is made beside a new base still counts from the old one: it takes those along who have that.
 */
function nextBase(base: CrlBase | null, { full, now, options }: NextCrlsWish, made: CrlBase): CrlBase {
  if (!base) return made
  // -1: nobody knows what that one knew of.
  const outworn = base.through < 0 || now - base.thisUpdate >= options.refresh
  return full && outworn ? made : base
}

/**
 * RFC 5280 3.3: an entry stays until one regularly scheduled CRL after the certificate's expiry has had it. CRLs
 * made for a revocation come in between and put the schedule off, so that the last CRL was later than the expiry
 * is not enough: two of the schedule's intervals must have passed as well.
 */
function firstExpiry(
  previous: Pick<ScopeCrlRow, 'thisUpdate'> | null,
  now: number,
  interval: number,
): number {
  return previous ? Math.min(previous.thisUpdate, now - 2 * interval) : 0
}
