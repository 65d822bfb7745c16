import { principalColumn, readPrincipal, readTarget, targetColumn } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { AuditFilter, AuditRow, Page } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'
import type { Condition, Value } from './search-plan.ts'

interface StoredAudit extends Omit<AuditRow, 'actor' | 'target' | 'detail'> {
  actor: Buffer | string
  target: Buffer | string
  detail: string
}

type AuditPlace = Pick<AuditRow, 'id' | 'at'>

export interface AuditSql {
  /** The page; with `end`, no row beyond the last one that may be walked. */
  page: (end?: AuditPlace) => { sql: string; values: Value[] }
  /** The last of `rows` rows that are walked, in an answer of no row if there are fewer; null where no row is walked in vain. */
  walkEnd: ((rows: number) => { sql: string; values: Value[] }) | null
  cursorOf: (row: AuditPlace) => string
}

/** Rows of the leading index that one page looks at, at most. */
const AUDIT_WALK = 1000

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
  const index = leadingIndex(filter)
  const byTime = index === 'audit_at'
  const { lead, rest } = partsOf(filter, index)
  if (page.after !== undefined) {
    if (byTime)
      lead.push({
        sql: '(t.at, t.id) < (?, ?)',
        values: [...readCursor(page.after, 'time', ['number', 'number'])],
      })
    else lead.push({ sql: 't.id < ?', values: [...readCursor(page.after, 'audit', ['number'])] })
  }
  const lists = filter.target === undefined ? [[]] : targetsOf(filter.target).map((condition) => [condition])
  const select = (columns: string, conditions: readonly Condition[], limit: string, last: number) => {
    const all = lists.map((list) => [...list, ...conditions])
    const from = `SELECT ${columns} FROM audit t ${index === null ? '' : `INDEXED BY ${index}`}`
    const each = all.map(
      (list) => `${from} ${list.length ? `WHERE ${list.map(({ sql }) => sql).join(' AND ')}` : ''}`,
    )
    return {
      sql: `${each.join(' UNION ALL ')} ORDER BY ${byTime ? 'at DESC, id DESC' : 'id DESC'} LIMIT ${limit}`,
      values: [...all.flatMap((list) => list.flatMap(({ values }) => values)), last],
    }
  }
  return {
    page: (end) =>
      select(
        COLUMNS,
        end ? [...lead, { sql: 't.id >= ?', values: [end.id] }, ...rest] : [...lead, ...rest],
        '?',
        page.limit + 1,
      ),
    walkEnd: rest.length === 0 ? null : (rows) => select('t.id AS id, 0 AS at', lead, '1 OFFSET ?', rows - 1),
    cursorOf: (row) => (byTime ? writeCursor('time', [row.at, row.id]) : writeCursor('audit', [row.id])),
  }
}

/** What the index is searched by, and what is left to be checked for each row. */
function partsOf(
  { actor, action, from, to }: AuditFilter,
  index: string | null,
): { lead: Condition[]; rest: Condition[] } {
  const parts = { lead: [] as Condition[], rest: [] as Condition[] }
  const must = (by: string, sql: string, value: Value) =>
    (index === by ? parts.lead : parts.rest).push({ sql, values: [value] })
  if (actor !== undefined) must('audit_actor', 't.actor = ?', principalColumn(actor))
  if (action !== undefined) must('audit_action', 't.action = (SELECT key FROM words WHERE text = ?)', action)
  if (from !== undefined) must('audit_at', 't.at >= ?', from)
  if (to !== undefined) must('audit_at', 't.at <= ?', to)
  return parts
}

/** Hexadecimal in capitals or with colons, as openssl shows it: what is on record has neither, but for names that look so. */
const SHOWN_HEX = /^[0-9a-f]{2}(?::?[0-9a-f]{2})*$/i

function targetsOf(target: string): Condition[] {
  const plain = target.replaceAll(':', '').toLowerCase()
  const itself = targetOf(target)
  return plain !== target && SHOWN_HEX.test(target) ? [...itself, ...targetOf(plain)] : itself
}

function targetOf(target: string): Condition[] {
  const value = targetColumn(target)
  const itself = { sql: 't.target = ?', values: [value] }
  // The plus takes the affinity away, with which the index would be of no use: the column has none.
  return typeof value === 'string'
    ? [itself]
    : [itself, { sql: 't.target = (SELECT +c.id FROM certificates c WHERE c.serial = ?)', values: [value] }]
}

function leadingIndex({ target, actor, action, from, to }: AuditFilter): string | null {
  if (target !== undefined) return 'audit_target'
  if (actor !== undefined) return 'audit_actor'
  if (action !== undefined) return 'audit_action'
  return from === undefined && to === undefined ? null : 'audit_at'
}

export function auditQueries(db: Connection, walk = AUDIT_WALK) {
  /** One transaction: the end of the walk and what is on the way there belong together. */
  const list = db.transaction((filter: AuditFilter, page: Page) => {
    const { page: pageSql, walkEnd, cursorOf } = auditSql(filter, page)
    const all = <Row>({ sql, values }: { sql: string; values: Value[] }): Row[] =>
      db.prepare<Value[], Row>(sql).all(...values)
    const end = walkEnd ? all<AuditPlace>(walkEnd(walk))[0] : undefined
    const { rows, next } = pageOf(all<StoredAudit>(pageSql(end)).map(auditOf), page.limit, cursorOf)
    return { rows, next: next ?? (end ? cursorOf(end) : null) }
  })
  return {
    async listAudit(filter: AuditFilter, page: Page): Promise<{ rows: AuditRow[]; next: string | null }> {
      return list(filter, page)
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
