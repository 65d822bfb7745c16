import { principalColumn, targetColumn } from '../columns.ts'
import type { AuditEntry } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { wordKeys } from './words.ts'

/**
 * Writes the audit row of a command, in the command's own transaction. Returns its id, which only rises. `certificate`: the id of
 * the one that is the target, which takes less room than its serial number, and less work in the index.
 */
export function auditWriter(db: Connection): (entry: AuditEntry, certificate?: number) => number {
  const wordKey = wordKeys(db)
  const insert = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  return (entry, certificate) => {
    const { lastInsertRowid } = insert.run(
      entry.at,
      wordKey(entry.action),
      entry.result,
      principalColumn(entry.actor),
      entry.address,
      entry.requestId,
      // As a number it would stand as a floating-point one, since the column takes any type as it is.
      certificate === undefined ? targetColumn(entry.target) : BigInt(certificate),
      JSON.stringify(entry.detail),
    )
    return Number(lastInsertRowid)
  }
}

export function auditHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  return {
    audit(entry: AuditEntry) {
      writeAudit(entry)
      return {}
    },
  }
}
