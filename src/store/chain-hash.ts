import { hash } from 'node:crypto'

/** An audit row as its hash sees it. `at` in milliseconds since 1970; `detail` is the JSON text that is stored. */
export interface ChainedFacts {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly address: string
  readonly requestId: string
  readonly action: string
  readonly target: string
  readonly result: string
  readonly detail: string
}

/** What stands for the hash of the row before the first; hexadecimal, as all hashes here. */
export const CHAIN_START = '0'.repeat(64)

/**
 * SHA-256 over the UTF-8 text of a JSON array without white space: the hash of the row before in hexadecimal, then id, at,
 * actor, address, requestId, action, target, result and detail. docs/operators.md says the same to those who verify by other means.
 */
export function chainHash(previous: string, facts: ChainedFacts): Buffer {
  const { id, at, actor, address, requestId, action, target, result, detail } = facts
  const head = JSON.stringify([...[previous, id, at, actor], ...[address, requestId, action, target, result]])
  return hash('sha256', `${head.slice(0, -1)},${detail}]`, 'buffer')
}
