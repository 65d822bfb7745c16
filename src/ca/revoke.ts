import type { Origin, Principal } from '../auth/principal.ts'
import { actsAs } from '../auth/roles.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { encodeCrlEntry } from '../pki/crl/entry.ts'
import type { CrlEntryInfo } from '../pki/crl/parse-entry.ts'
import { REASON, type ReasonName, reasonCode } from '../pki/crl/reasons.ts'
import { certificatesFound } from '../store/certificates-found.ts'
import type { AuditEntry, RevocationOutcome } from '../store/commands.ts'
import type { CertificateFilter } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import { auditEntry } from './audit.ts'

export interface RevocationContext {
  readonly store: Store
  readonly clock: Clock
  /**
   * Called after revocations or releases are durable, and awaited before the caller hears of them: OCSP answers must not
   * lag behind what was acknowledged.
   */
  readonly changed: (authority: string, serialNumbers: readonly string[]) => Promise<void>
  /** Likewise for the CRLs of all certificates and of these partitions; once for many changes. */
  readonly publish: (authority: string, partitions: ReadonlySet<number>) => Promise<void>
}

export interface RevocationWish {
  /** CRLReason: its code, or its name. */
  readonly reason: number | ReasonName
  /** When the key was lost, if earlier than now (RFC 5280 5.3.2). Seconds since 1970. */
  readonly invalidityDate: number | null
}

/**
 * Records a revocation that a CRL of the certificate's authority has told the world already, word for word: into a
 * restored database, which no service has opened yet. `notFound` where the certificate is not on record.
 */
export function takeOverRevocation(
  store: Store,
  { bytes, serialNumber, revokedAt, reason, invalidityDate }: CrlEntryInfo,
  audit: AuditEntry,
): Promise<RevocationOutcome> {
  return store.write('revoke', { serialNumber, revokedAt, reason, invalidityDate, entry: bytes, audit })
}

/** Likewise of a certificate that is not on record: it stays revoked in CRLs and for OCSP. */
export async function carryRevocation(
  store: Store,
  authority: string,
  { bytes, serialNumber, revokedAt, reason, invalidityDate }: CrlEntryInfo,
  audit: AuditEntry,
): Promise<void> {
  const facts = { serialNumber, revokedAt, reason, invalidityDate }
  await store.write('carryRevocation', { ...facts, authority, entry: bytes, audit })
}

type Changed = Pick<RevocationOutcome, 'authority' | 'partition'> & { readonly serialNumber: string }

/** How many certificates one step of a bulk revocation takes, so that others get their turn at the writer. */
const BULK_STEP = 200

/** Serial numbers that a preview shows. */
const SAMPLE = 20

/** Revocation is one write; OCSP and CRLs read it, so they cannot disagree. */
export class Revoker {
  readonly #context: RevocationContext

  constructor(context: RevocationContext) {
    this.#context = context
  }

  async revoke(
    serialNumber: string,
    wish: RevocationWish,
    principal: Principal,
    origin: Origin,
  ): Promise<RevocationOutcome> {
    await this.#mayRevoke(serialNumber, principal)
    this.#checkWish(wish)
    const outcome = await this.#record(serialNumber, wish, principal, origin)
    await this.#publish({ ...outcome, serialNumber })
    return outcome
  }

  /** Lifts a hold; every other revocation is for ever (RFC 5280 5.3.1). */
  async release(serialNumber: string, principal: Principal, origin: Origin): Promise<RevocationOutcome> {
    if (!actsAs(principal, 'operator'))
      throw new CaError('forbidden', 'Only an admin or operator may lift a hold.')
    const { store, clock } = this.#context
    const now = clock()
    const outcome = await store.write('release', {
      serialNumber,
      entry: encodeCrlEntry({
        ...{ serialNumber, revokedAt: epochSeconds(now) },
        ...{ reason: REASON.removeFromCRL, invalidityDate: null },
      }),
      audit: auditEntry('certificate.release', 'ok', serialNumber, principal, origin, now),
    })
    await this.#publish({ ...outcome, serialNumber })
    return outcome
  }

  /** How many certificates a bulk revocation would touch, with the first few as a sample. */
  async preview(filter: CertificateFilter, limit: number): Promise<{ matched: number; sample: string[] }> {
    const { read } = this.#context.store
    const sample: string[] = []
    for await (const { serialNumber } of certificatesFound(read, filter, SAMPLE)) {
      sample.push(serialNumber)
      if (sample.length === SAMPLE) break
    }
    return { matched: await read.countCertificates(filter, limit), sample }
  }

  /** Revokes all that match and are not revoked yet; returns how many. */
  async revokeAll(
    filter: CertificateFilter,
    wish: RevocationWish,
    principal: Principal,
    origin: Origin,
  ): Promise<number> {
    const { store } = this.#context
    if (!actsAs(principal, 'operator'))
      throw new CaError('forbidden', 'Only an admin or operator may revoke by filter.')
    this.#checkWish(wish)
    const told: Changed[] = []
    let count = 0
    try {
      let after: string | null = null
      do {
        const page: Awaited<ReturnType<typeof store.read.searchCertificates>> =
          await store.read.searchCertificates(filter, {
            limit: BULK_STEP,
            ...(after === null ? {} : { after }),
          })
        // All of them settle before a failure is heard of: what was revoked must be published.
        const outcomes = await Promise.allSettled(
          page.rows.map(async ({ serialNumber }) => ({
            ...(await this.#record(serialNumber, wish, principal, origin)),
            serialNumber,
          })),
        )
        const recorded = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
        count += recorded.filter(({ changed }) => changed).length
        // Also of those that were revoked before: the answer to that may have been lost, and with it this.
        told.push(...recorded)
        await this.#tellOcsp(recorded)
        const failed = outcomes.find((outcome) => outcome.status === 'rejected')
        if (failed) throw failed.reason
        after = page.next
      } while (after !== null)
    } finally {
      await this.#makeCrls(told)
    }
    return count
  }

  async #publish(change: Changed): Promise<void> {
    await this.#tellOcsp([change])
    await this.#makeCrls([change])
  }

  async #tellOcsp(changes: readonly Changed[]): Promise<void> {
    for (const [authority, ofOne] of Map.groupBy(changes, (change) => change.authority)) {
      await this.#context.changed(
        authority,
        ofOne.map(({ serialNumber }) => serialNumber),
      )
    }
  }

  async #makeCrls(changes: readonly Changed[]): Promise<void> {
    const byAuthority = Map.groupBy(changes, ({ authority }) => authority)
    await Promise.all(
      [...byAuthority].map(([authority, ofOne]) =>
        this.#context.publish(authority, new Set(ofOne.flatMap(({ partition }) => partition ?? []))),
      ),
    )
  }

  #record(
    serialNumber: string,
    { reason: given, invalidityDate }: RevocationWish,
    principal: Principal,
    origin: Origin,
  ) {
    const now = this.#context.clock()
    const reason = reasonCode(given)
    const facts = { serialNumber, revokedAt: epochSeconds(now), reason, invalidityDate }
    return this.#context.store.write('revoke', {
      ...facts,
      entry: encodeCrlEntry(facts),
      audit: auditEntry('certificate.revoke', 'ok', serialNumber, principal, origin, now, { reason }),
    })
  }

  /** It stands in every CRL from now on, so it must be a reason that a CRL may have, and a time that was. */
  #checkWish({ reason, invalidityDate }: RevocationWish): void {
    reasonCode(reason)
    if (invalidityDate === null) return
    if (invalidityDate < 0 || invalidityDate > epochSeconds(this.#context.clock())) {
      throw new CaError(
        'malformedRequest',
        'The invalidityDate is before 1970 or in the future: give the time from which the key must not be trusted, or none.',
      )
    }
  }

  async #mayRevoke(serialNumber: string, principal: Principal): Promise<void> {
    if (actsAs(principal, 'operator')) return
    if (principal.kind === 'certificate') {
      if (principal.serialNumber === serialNumber) return
      throw new CaError('forbidden', 'A certificate may revoke itself and no other.')
    }
    if (principal.kind === 'account' && principal.revocable === serialNumber) return
    throw new CaError(
      'forbidden',
      'Revocation needs the role "operator", as by an admin key, or the certificate itself over mutual TLS.',
    )
  }
}
