/** Who waits: for a status that relying parties ask for, or for a certificate. */
export type SigningPurpose = 'status' | 'certificate'

/**
 * Lets so many signatures be made at once in libuv's pool, which takes them in the order in which they come: hundreds for
 * certificates would hold up those for OCSP and CRLs, and the reading of files too. Of those that wait, both purposes take
 * turns: neither waits for more than one of the other.
 */
export class SigningTurns {
  #free: number
  readonly #waiting: Readonly<Record<SigningPurpose, (() => void)[]>> = { status: [], certificate: [] }
  #last: SigningPurpose = 'certificate'

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  async run<T>(purpose: SigningPurpose, sign: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting[purpose].push(resolve))
    try {
      return await sign()
    } finally {
      const next = this.#next()
      if (next) next()
      else this.#free++
    }
  }

  #next(): (() => void) | undefined {
    const other: SigningPurpose = this.#last === 'status' ? 'certificate' : 'status'
    for (const purpose of [other, this.#last]) {
      const next = this.#waiting[purpose].shift()
      if (!next) continue
      this.#last = purpose
      return next
    }
  }
}
