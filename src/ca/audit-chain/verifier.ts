import { rfc3339 } from '../../clock.ts'
import { CHAIN_START, chainHash } from '../../store/chain-hash.ts'
import type { AuditHeadRow, ChainRow } from '../../store/queries.ts'
import { signerFault, signerFaultAt } from './prove-signer.ts'
import { isSigned } from './signed-head.ts'
import type { SignerChain } from './source.ts'

/** Something that should not be: `row` is the id of the audit row that it was found at. */
export interface ChainFault {
  readonly row: number
  readonly kind: 'missing' | 'altered' | 'order' | 'unchained' | 'truncated' | 'head'
  readonly detail: string
}

export interface ChainVerdict {
  readonly rows: number
  /** Id and hash of the newest row. */
  readonly newest: number
  readonly hash: string
  readonly heads: number
  /** The newest row up to which a good head was signed, and when; 0 and null where there is none. */
  readonly signedThrough: number
  readonly signedAt: number | null
  /** The first of them. */
  readonly faults: readonly ChainFault[]
  readonly faultCount: number
}

const MOST_FAULTS = 100

/** Proves the audit log row by row, in their order; it holds one hash and the heads that wait for their row. */
export class ChainVerifier {
  readonly #roots: readonly Buffer[]
  readonly #signers = new Map<string, { chain: SignerChain; fault: string | null }>()
  /** By row. */
  readonly #waiting = new Map<number, AuditHeadRow[]>()
  readonly #faults: ChainFault[] = []
  #faultCount = 0
  #rows = 0
  #heads = 0
  #newest: number
  #hash: string
  #signed: { readonly row: number; readonly at: number | null } = { row: 0, at: null }

  /** `roots`: DER. `after`, `hash`: where the log that is shown begins, and the hash of the row before. */
  constructor(roots: readonly Buffer[], { after, hash } = { after: 0, hash: CHAIN_START }) {
    this.#roots = roots
    this.#newest = after
    this.#hash = hash
  }

  row(row: ChainRow): void {
    const { id } = row
    this.#rows++
    if (id <= this.#newest) {
      this.#fault(id, 'order', `Row ${id} stands behind row ${this.#newest}: it was moved, or put in.`)
      return
    }
    const isNext = id === this.#newest + 1
    if (!isNext) {
      const [first, last] = [this.#newest + 1, id - 1]
      const which = first === last ? `Row ${first} is` : `Rows ${first} to ${last} are`
      this.#fault(first, 'missing', `${which} missing.`)
    }
    if (row.hash === null)
      this.#fault(id, 'unchained', `Row ${id} has no hash: the service did not write it.`)
    const expected = chainHash(this.#hash, row).toString('hex')
    // What stands behind a gap is proven by the hash that follows it.
    if (isNext && row.hash !== null && row.hash !== expected)
      this.#fault(id, 'altered', `Row ${id} was altered, or the row before it: it does not fit its hash.`)
    this.#newest = id
    // As it stands there, so that one row that was altered is one fault.
    this.#hash = row.hash ?? expected
    for (const head of this.#waiting.get(id) ?? []) this.#compare(head)
    this.#waiting.delete(id)
  }

  signer(chain: SignerChain): void {
    const { serialNumber } = chain
    if (this.#signers.has(serialNumber)) return
    this.#signers.set(serialNumber, { chain, fault: signerFault(chain, this.#roots) })
  }

  knowsSigner(serialNumber: string): boolean {
    return this.#signers.has(serialNumber)
  }

  /** Before its row or right behind it; its signer must be known. */
  head(head: AuditHeadRow): void {
    this.#heads++
    const { row, signedAt } = head
    const fault = this.#headFault(head)
    if (fault !== null) {
      this.#fault(row, 'head', `The head of row ${row}, of ${rfc3339(signedAt)}, proves nothing. ${fault}`)
    } else if (row === this.#newest) {
      this.#compare(head)
    } else if (row < this.#newest) {
      this.#fault(row, 'head', `The head of row ${row} does not stand with its row.`)
    } else {
      this.#waiting.set(row, [...(this.#waiting.get(row) ?? []), head])
    }
  }

  finish(): ChainVerdict {
    for (const [row, [head]] of [...this.#waiting].sort(([a], [b]) => a - b)) {
      const signed = `it was signed on ${rfc3339(head!.signedAt)} that there were ${row} rows`
      if (row > this.#newest)
        this.#fault(row, 'truncated', `The log ends with row ${this.#newest}, but ${signed}.`)
      else this.#fault(row, 'missing', `Row ${row} is missing: ${signed}.`)
    }
    return {
      ...{ rows: this.#rows, newest: this.#newest, hash: this.#hash, heads: this.#heads },
      ...{ signedThrough: this.#signed.row, signedAt: this.#signed.at },
      ...{ faults: this.#faults, faultCount: this.#faultCount },
    }
  }

  #headFault(head: AuditHeadRow): string | null {
    const signer = this.#signers.get(head.certificate)
    if (!signer) return 'Its signer’s certificate is missing.'
    const { chain, fault } = signer
    if (fault !== null) return fault
    if (!isSigned(head, Buffer.from(head.signature, 'base64'), chain.certificate))
      return 'Its signature is wrong.'
    return signerFaultAt(chain, head.signedAt)
  }

  #compare({ row, hash, signedAt }: AuditHeadRow): void {
    if (hash === this.#hash) {
      this.#signed = { row, at: signedAt }
      return
    }
    const from = this.#signed.row + 1
    this.#fault(
      row,
      'head',
      `The log up to row ${row} is not what was signed on ${rfc3339(signedAt)}: something in rows ${from} to ${row} was rewritten.`,
    )
  }

  #fault(row: number, kind: ChainFault['kind'], detail: string): void {
    this.#faultCount++
    if (this.#faults.length < MOST_FAULTS) this.#faults.push({ row, kind, detail })
  }
}
