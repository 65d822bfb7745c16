import { CHAIN_START, chainHash } from '../chain-hash.ts'
import { readPrincipal, readTarget } from '../columns.ts'
import type { Connection } from '../connection.ts'

/**
 * Gives the migration that chains the rows of before its `chain_hash`. It holds one hash at a time, and must be called with the
 * columns of one row after the other. `start`: the hash of the row before them.
 */
export function defineChainHash(db: Connection, start = CHAIN_START): void {
  let previous = start
  // biome-ignore lint/suspicious/noExplicitAny: whatever the columns hold
  db.function('chain_hash', { varargs: true }, (...columns: any[]) => {
    const [id, at, actor, address, requestId, action, target, result, detail] = columns
    const hash = chainHash(previous, {
      ...{ id, at, address, requestId, action, result, detail },
      actor: readPrincipal(actor),
      target: readTarget(target),
    })
    previous = hash.toString('hex')
    return hash
  })
}
