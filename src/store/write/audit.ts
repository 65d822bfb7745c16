import { CHAIN_START, chainHash } from '../chain-hash.ts'
import { principalColumn, serialOctets, targetColumn } from '../columns.ts'
import type { AuditEntry, AuditHeadRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { newestAuditReader } from '../read/audit-chain.ts'
import { type ChainEnd, memoryOf } from './memory.ts'
import { wordKeys } from './words.ts'

/**
 * Writes the audit row of a command, in the command's own transaction, as the next link of the chain. Returns its id, which only
 * rises. `certificate`: the id of the one that is the target, which takes less room than its serial number, and less work in
 * the index.
 */
export function auditWriter(db: Connection): (entry: AuditEntry, certificate?: number) => number {
  const wordKey = wordKeys(db)
  const chainEnd = chainEndReader(db)
  const insert = db.prepare(
    `INSERT INTO audit (id, at, action, result, actor, address, request_id, target, detail, hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  return (entry, certificate) => {
    const memory = memoryOf(db)
    const before = memory.chainEnd ?? chainEnd()
    const id = before.id + 1
    const { at, action, result } = entry
    // What is no Unicode would be stored as something else than was hashed.
    const actor = entry.actor.toWellFormed()
    const address = entry.address.toWellFormed()
    const requestId = entry.requestId.toWellFormed()
    const target = entry.target.toWellFormed()
    const detail = detailText(entry.detail)
    const hash = chainHash(before.hash, { id, at, actor, address, requestId, action, target, result, detail })
    insert.run(
      id,
      at,
      wordKey(action),
      result,
      principalColumn(actor),
      address,
      requestId,
      // As a number it would stand as a floating-point one, since the column takes any type as it is.
      certificate === undefined ? targetColumn(target) : BigInt(certificate),
      detail,
      hash,
    )
    memory.chainEnd = { id, hash: hash.toString('hex') }
    return id
  }
}

/** JSON has an escape for half a character, which many programs cannot read, and so not verify (RFC 8259 8.2). */
function detailText(detail: AuditEntry['detail']): string {
  const text = JSON.stringify(detail)
  if (!text.includes('\\ud')) return text
  return JSON.stringify(detail, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  )
}

function chainEndReader(db: Connection): () => ChainEnd {
  const newest = newestAuditReader(db)
  return () => {
    const row = newest()
    return { id: row?.id ?? 0, hash: row?.hash ?? CHAIN_START }
  }
}

export function auditHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insertHead = db.prepare(
    'INSERT INTO audit_heads (audit_row, hash, signed_at, certificate, signature) VALUES (?, ?, ?, ?, ?)',
  )
  return {
    audit(entry: AuditEntry) {
      writeAudit(entry)
      return {}
    },
    recordAuditHead({ row, hash, signedAt, certificate, signature }: AuditHeadRecord) {
      insertHead.run(row, hash, signedAt, serialOctets(certificate), signature)
      return {}
    },
  }
}
