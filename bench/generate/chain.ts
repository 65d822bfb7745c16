import type Database from 'better-sqlite3'
import { defineChainHash } from '../../src/store/write/older-chain.ts'

/** Gives the audit rows that were put in without one their place in the chain, behind those that the service wrote. */
export function chainGenerated(db: Database.Database): void {
  const first = db.prepare<[], number>('SELECT min(id) FROM audit WHERE hash IS NULL').pluck().get()
  if (first === undefined) return
  const before = db
    .prepare<[number], Buffer>('SELECT hash FROM audit WHERE id = ?')
    .pluck()
    .get(first - 1)
  defineChainHash(db, before?.toString('hex'))
  db.exec(`INSERT INTO audit_older_hashes (id, hash)
    SELECT t.id, chain_hash(t.id, t.at, t.actor, t.address, t.request_id,
      (SELECT w.text FROM words w WHERE w.key = t.action),
      CASE typeof(t.target) WHEN 'integer' THEN (SELECT c.serial FROM certificates c WHERE c.id = t.target)
        ELSE t.target END, t.result, t.detail)
    FROM audit t WHERE t.id >= ${first} ORDER BY t.id`)
}
