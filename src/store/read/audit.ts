import { principalColumn, readPrincipal, readTarget, targetColumn } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { AuditFilter, AuditRow, Page } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

interface StoredAudit extends Omit<AuditRow, 'actor' | 'target' | 'detail'> {
  actor: Buffer | string
  target: Buffer | string
  detail: string
}
type Value = string | number | Buffer

export interface AuditSql {
  sql: string
  values: Value[]
  cursorOf: (row: AuditRow) => string
}

const COLUMNS = `t.id AS id, t.at AS at, t.actor AS actor, t.address AS address, t.request_id AS requestId,
  (SELECT w.text FROM words w WHERE w.key = t.action) AS action, t.result AS result, t.detail AS detail,
  CASE typeof(t.target) WHEN 'integer' THEN (SELECT c.serial FROM certificates c WHERE c.id = t.target)
    ELSE t.target END AS target`

/**
 * Newest first. The first of target, actor and action that is given leads, by its index; a period alone is read by
 * time, which is not always the order in which rows were written. A serial number stands as the id of its certificate, or as
 * itself where the row is older than the certificate or than that habit: both lists are merged, neither is sorted.
 */
export function auditSql(filter: AuditFilter, page: Page): AuditSql {
  const where: string[] = []
  const values: Value[] = []
  const must = (condition: string, ...given: Value[]) => {
    where.push(condition)
    values.push(...given)
  }
  const { target, actor, action, from, to } = filter
  const index = leadingIndex(filter)
  const byTime = index === 'audit_at'
  if (actor !== undefined) must('t.actor = ?', principalColumn(actor))
  if (action !== undefined) must('t.action = (SELECT key FROM words WHERE text = ?)', action)
  if (from !== undefined) must('t.at >= ?', from)
  if (to !== undefined) must('t.at <= ?', to)
  if (page.after !== undefined) {
    if (byTime) must('(t.at, t.id) < (?, ?)', ...readCursor(page.after, 'time', ['number', 'number']))
    else must('t.id < ?', ...readCursor(page.after, 'audit', ['number']))
  }
  const select = (conditions: readonly string[]) =>
    `SELECT ${COLUMNS} FROM audit t ${index === null ? '' : `INDEXED BY ${index}`}
      ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}`
  const targets = target === undefined ? [] : targetsOf(target)
  const lists =
    targets.length === 0
      ? [{ sql: select(where), values }]
      : targets.map(({ sql, value }) => ({ sql: select([sql, ...where]), values: [value, ...values] }))
  return {
    sql: `${lists.map(({ sql }) => sql).join(' UNION ALL ')} ORDER BY ${byTime ? 'at DESC, id DESC' : 'id DESC'} LIMIT ?`,
    values: [...lists.flatMap((list) => list.values), page.limit + 1],
    cursorOf: (row) => (byTime ? writeCursor('time', [row.at, row.id]) : writeCursor('audit', [row.id])),
  }
}

function targetsOf(target: string): { sql: string; value: Value }[] {
  const value = targetColumn(target)
  const itself = { sql: 't.target = ?', value }
  // The plus takes the affinity away, with which the index would be of no use: the column has none.
  return typeof value === 'string'
    ? [itself]
    : [itself, { sql: 't.target = (SELECT +c.id FROM certificates c WHERE c.serial = ?)', value }]
}

function leadingIndex({ target, actor, action, from, to }: AuditFilter): string | null {
  if (target !== undefined) return 'audit_target'
  if (actor !== undefined) return 'audit_actor'
  if (action !== undefined) return 'audit_action'
  return from === undefined && to === undefined ? null : 'audit_at'
}

export function auditQueries(db: Connection) {
  return {
    async listAudit(filter: AuditFilter, page: Page): Promise<{ rows: AuditRow[]; next: string | null }> {
      const { sql, values, cursorOf } = auditSql(filter, page)
      const rows = db.prepare<Value[], StoredAudit>(sql).all(...values)
      return pageOf(rows.map(auditOf), page.limit, cursorOf)
    },
  }
}

function auditOf(row: StoredAudit): AuditRow {
  return {
    ...row,
    actor: readPrincipal(row.actor),
    target: readTarget(row.target),
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  }
}
