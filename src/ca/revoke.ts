import type { Origin, Principal } from '../auth/principal.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { encodeCrlEntry } from '../pki/crl/entry.ts'
import type { RevocationOutcome } from '../store/commands.ts'
import type { CertificateFilter } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import { auditEntry } from './audit.ts'

export interface RevocationContext {
  readonly store: Store
  readonly clock: Clock
  /**
   * Called after a revocation or release is durable, and awaited before the caller hears of it: OCSP answers
   * and the CRL must not lag behind what was acknowledged.
   */
  readonly published: (authority: string, serialNumbers: readonly string[]) => Promise<void>
}

export interface RevocationWish {
  /** CRLReason, from `reasonCode`. */
  readonly reason: number
  /** When the key was lost, if earlier than now (RFC 5280 5.3.2). Seconds since 1970. */
  readonly invalidityDate: number | null
}

/** How many certificates one step of a bulk revocation takes, so that others get their turn at the writer. */
const BULK_STEP = 200

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
    this.#checkInvalidityDate(wish)
    const outcome = await this.#record(serialNumber, wish, principal, origin)
    await this.#context.published(outcome.authority, [serialNumber])
    return outcome
  }

  /** Lifts a hold; every other revocation is for ever (RFC 5280 5.3.1). */
  async release(serialNumber: string, principal: Principal, origin: Origin): Promise<RevocationOutcome> {
    if (principal.kind !== 'admin') throw new CaError('forbidden', 'Only an admin may lift a hold.')
    const { store, clock, published } = this.#context
    const outcome = await store.write('release', {
      serialNumber,
      audit: auditEntry('certificate.release', 'ok', serialNumber, principal, origin, clock()),
    })
    await published(outcome.authority, [serialNumber])
    return outcome
  }

  /** How many certificates a bulk revocation would touch, with the first few as a sample. */
  async preview(filter: CertificateFilter, limit: number): Promise<{ matched: number; sample: string[] }> {
    const { read } = this.#context.store
    const { rows } = await read.searchCertificates(filter, { limit: 20 })
    return {
      matched: await read.countCertificates(filter, limit),
      sample: rows.map((row) => row.serialNumber),
    }
  }

  /** Revokes all that match and are not revoked yet; returns how many. */
  async revokeAll(
    filter: CertificateFilter,
    wish: RevocationWish,
    principal: Principal,
    origin: Origin,
  ): Promise<number> {
    const { store, published } = this.#context
    if (principal.kind !== 'admin') throw new CaError('forbidden', 'Only an admin may revoke by filter.')
    this.#checkInvalidityDate(wish)
    let revoked = 0
    let after: string | null = null
    do {
      const page: Awaited<ReturnType<typeof store.read.searchCertificates>> =
        await store.read.searchCertificates(filter, {
          limit: BULK_STEP,
          ...(after === null ? {} : { after }),
        })
      const outcomes = await Promise.all(
        page.rows.map((row) => this.#record(row.serialNumber, wish, principal, origin)),
      )
      revoked += outcomes.filter((outcome) => outcome.changed).length
      for (const authority of new Set(page.rows.map((row) => row.authority))) {
        await published(
          authority,
          page.rows.filter((row) => row.authority === authority).map((row) => row.serialNumber),
        )
      }
      after = page.next
    } while (after !== null)
    return revoked
  }

  #record(
    serialNumber: string,
    { reason, invalidityDate }: RevocationWish,
    principal: Principal,
    origin: Origin,
  ) {
    const now = this.#context.clock()
    const facts = { serialNumber, revokedAt: epochSeconds(now), reason, invalidityDate }
    return this.#context.store.write('revoke', {
      ...facts,
      entry: encodeCrlEntry(facts),
      audit: auditEntry('certificate.revoke', 'ok', serialNumber, principal, origin, now, { reason }),
    })
  }

  /** It stands in every CRL from now on, so it must be a time that was. */
  #checkInvalidityDate({ invalidityDate }: RevocationWish): void {
    if (invalidityDate === null) return
    if (invalidityDate < 0 || invalidityDate > epochSeconds(this.#context.clock())) {
      throw new CaError(
        'malformedRequest',
        'The invalidityDate is before 1970 or in the future: give the time from which the key must not be trusted, or none.',
      )
    }
  }

  async #mayRevoke(serialNumber: string, principal: Principal): Promise<void> {
    if (principal.kind === 'admin') return
    if (principal.kind === 'certificate') {
      if (principal.serialNumber === serialNumber) return
      throw new CaError('forbidden', 'A certificate may revoke itself and no other.')
    }
    throw new CaError(
      'forbidden',
      'Revocation needs an admin key, or the certificate itself over mutual TLS.',
    )
  }
}
