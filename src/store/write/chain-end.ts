import { CHAIN_START } from '../chain-hash.ts'
import type { Connection } from '../connection.ts'

interface ChainEnd {
  /** Of the newest audit row; 0 before the first. */
  readonly id: number
  /** Hexadecimal. */
  readonly hash: string
}

const known = new WeakMap<Connection, ChainEnd>()

/**
 * Where the audit log's chain ends, on the one connection that writes. It is remembered, since looking costs a third of what
 * chaining does; so whoever undoes a command must say so by `forgetChainEnd`.
 */
export function chainEnds(db: Connection): { read(): ChainEnd; advance(id: number, hash: Buffer): void } {
  const newest = db.prepare<[], { id: number; hash: Buffer | null }>(
    `SELECT a.id AS id, ifnull(a.hash, (SELECT o.hash FROM audit_older_hashes o WHERE o.id = a.id)) AS hash
     FROM audit a ORDER BY a.id DESC LIMIT 1`,
  )
  return {
    read() {
      const end = known.get(db)
      if (end) return end
      const row = newest.get()
      return { id: row?.id ?? 0, hash: row?.hash?.toString('hex') ?? CHAIN_START }
    },
    advance(id, hash) {
      known.set(db, { id, hash: hash.toString('hex') })
    },
  }
}

/** After a command or a transaction was undone: the chain may end before what is remembered. */
export function forgetChainEnd(db: Connection): void {
  known.delete(db)
}
