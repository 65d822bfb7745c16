import { principalColumn, targetColumn } from '../columns.ts'
import type { AuditEntry } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { wordKeys } from './words.ts'

/** Writes the audit row of a command, in the command's own transaction. Returns its id, which only rises. */
export function auditWriter(db: Connection): (entry: AuditEntry) => number {
  const wordKey = wordKeys(db)
  const insert = db.prepare(
    `INSERT INTO audit (at, action, result, actor, address, request_id, target, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  return (entry) => {
    const { lastInsertRowid } = insert.run(
      entry.at,
      wordKey(entry.action),
      entry.result,
      principalColumn(entry.actor),
      entry.address,
      entry.requestId,
      targetColumn(entry.target),
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
