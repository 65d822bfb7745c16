import { createHash } from 'node:crypto'

/** One enrolment that was tried: everything that repeating it takes. */
export interface Enrolment {
  /** PEM. */
  readonly csr: string
  readonly token: string
  readonly tokenId: number
  readonly idempotencyKey: string
  /** Once the service acknowledged it. */
  serialNumber: string | null
}

/** What the clients of a service were told, to be held against what it says after a crash. */
export class Journal {
  readonly enrolments: Enrolment[] = []
  /** Acknowledged certificates, PEM by serial number. */
  readonly certificates = new Map<string, string>()
  /** Acknowledged tokens. */
  readonly tokenIds = new Set<number>()
  /** Acknowledged revocations: the time and reason that were answered, by serial number. */
  readonly revocations = new Map<string, { readonly revokedAt: string; readonly reason: string }>()
  /** Serial numbers for which a revocation was tried, acknowledged or not. */
  readonly revocationsTried = new Set<string>()
  /** SHA-256 of every CRL that anybody saw, by its number. */
  readonly #crls = new Map<bigint, string>()
  #highestCrl = 0n

  acknowledge(enrolment: Enrolment, serialNumber: string, certificate: string): void {
    if (enrolment.serialNumber !== null && enrolment.serialNumber !== serialNumber) {
      throw new Error(`one enrolment gave two certificates: ${enrolment.serialNumber}, ${serialNumber}`)
    }
    if (this.certificates.has(serialNumber) && enrolment.serialNumber === null) {
      throw new Error(`serial number ${serialNumber} was given to two enrolments`)
    }
    enrolment.serialNumber = serialNumber
    this.certificates.set(serialNumber, certificate)
  }

  /** Enrolments whose answer was lost. */
  unacknowledged(): Enrolment[] {
    return this.enrolments.filter(({ serialNumber }) => serialNumber === null)
  }

  /** A CRL that was fetched when nobody else fetched one: numbers never fall (RFC 5280 5.2.3). */
  sawCrl(number: bigint, der: Buffer): void {
    if (number < this.#highestCrl)
      throw new Error(`the CRL number fell from ${this.#highestCrl} to ${number}`)
    this.sawCrlConcurrently(number, der)
  }

  /** One of several that are fetched at once, and so may come in any order: still, one number is one CRL. */
  sawCrlConcurrently(number: bigint, der: Buffer): void {
    const hash = createHash('sha256').update(der).digest('hex')
    const known = this.#crls.get(number)
    if (known !== undefined && known !== hash) throw new Error(`two CRLs have the number ${number}`)
    this.#crls.set(number, hash)
    if (number > this.#highestCrl) this.#highestCrl = number
  }
}
