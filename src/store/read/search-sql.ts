import type { CertificateFilter, Page } from '../queries.ts'
import { SUMMARY_COLUMNS } from './certificate-row.ts'
import { type CursorKey, readCursor } from './cursor.ts'
import { type Condition, EQUAL, planSearch, type SearchPlan, serialRange, type Value } from './search-plan.ts'

/** Where a walk stops at the latest: the sort key of its last row, k0 and k1. */
export interface WalkEnd {
  k0: Value
  k1?: Value
}

export interface Sql {
  sql: string
  values: Value[]
}

/** The parts of a search on one page. */
export interface Walk {
  plan: SearchPlan
  /** Of the index that is walked: what it is searched by, and where the walk begins. */
  lead: readonly Condition[]
  /** What is left to be checked for each row that is walked. */
  rest: readonly Condition[]
}

/** Throws `malformedRequest` where `after` was made for another order. */
export function walkOf(
  filter: CertificateFilter,
  after: string | undefined,
  plan = planSearch(filter),
): Walk {
  const lead = [...plan.lead, ...startOf(plan, after)]
  const answered = new Set(plan.lead.map(({ sql }) => sql))
  // A plan's own come last: one of them calls back into JavaScript, for as few rows as possible.
  const rest = [...filterConditions(filter).filter(({ sql }) => !answered.has(sql)), ...plan.conditions]
  return { plan, lead, rest }
}

/** The sort key of the last of `rows` rows that are walked: from the index alone, in an answer of no row if there are fewer. */
export function walkEndSql({ plan, lead }: Walk, rows: number): Sql {
  const { where, values } = whereOf([...lead, ...(plan.end ? [plan.end] : [])])
  return {
    sql: `SELECT ${keysOf(plan)} FROM ${plan.leader} ${where} ORDER BY ${orderOf(plan)} LIMIT 1 OFFSET ?`,
    values: [...values, rows - 1],
  }
}

/** One row more than the page, each with its sort key as k0 and k1; none beyond `end`. */
export function pageSql(walk: Walk, limit: Page['limit'], end: WalkEnd | undefined): Sql {
  const { plan } = walk
  const { where, values } = conditionsOf(walk, end)
  return {
    sql: `SELECT ${SUMMARY_COLUMNS}, ${keysOf(plan)} FROM ${plan.leader} ${plan.joins} ${where} ORDER BY ${orderOf(plan)} LIMIT ?`,
    values: [...values, limit + 1],
  }
}

export function countSql(walk: Walk, limit: number, end: WalkEnd | undefined): Sql {
  const { leader, joins } = walk.plan
  const { where, values } = conditionsOf(walk, end)
  return {
    sql: `SELECT count(*) FROM (SELECT 1 FROM ${leader} ${joins} ${where} LIMIT ?)`,
    values: [...values, limit],
  }
}

function keysOf({ key }: SearchPlan): string {
  return key.map((column, index) => `${column} AS k${index}`).join(', ')
}

function orderOf({ key, descending }: SearchPlan): string {
  return key.map((column) => (descending ? `${column} DESC` : column)).join(', ')
}

function conditionsOf(
  { plan, lead, rest }: Walk,
  end: WalkEnd | undefined,
): { where: string; values: Value[] } {
  return whereOf([...lead, ...endOf(plan, end), ...rest])
}

function whereOf(conditions: readonly Condition[]): { where: string; values: Value[] } {
  return {
    where: conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`,
    values: conditions.flatMap(({ values }) => values),
  }
}

/** Where reading begins. Only a place: the conditions hold for every row, also where a cursor was made up. */
function startOf(plan: SearchPlan, after: string | undefined): Condition[] {
  const values = after === undefined ? plan.start : cursorValues(plan, after)
  return values ? [beyond(plan, plan.descending ? '<' : '>', values)] : []
}

/** One bound at that side, which the index takes: the walk's end lies before the plan's, and stands for it. */
function endOf(plan: SearchPlan, end: WalkEnd | undefined): Condition[] {
  if (!end) return plan.end ? [plan.end] : []
  return [beyond(plan, plan.descending ? '>=' : '<=', end.k1 === undefined ? [end.k0] : [end.k0, end.k1])]
}

function beyond({ key }: SearchPlan, comparison: string, values: readonly Value[]): Condition {
  return { sql: `(${key.join(', ')}) ${comparison} (${key.map(() => '?').join(', ')})`, values }
}

function cursorValues(plan: SearchPlan, after: string): readonly Value[] {
  const first = plan.order === 'serial' || plan.order === 'name' ? 'string' : 'number'
  const key: CursorKey = readCursor(after, plan.order, plan.key.length === 1 ? [first] : [first, 'number'])
  return plan.order === 'serial' ? [Buffer.from(String(key[0]), 'hex'), ...key.slice(1)] : key
}

/**
 * The parts of the filter; "after" and "from" include their bound, "before" does not. A certificate is in one state
 * only: revoked or held, whether or not it has expired since, else expired or valid. The plus leaves the index to the
 * bounds of the walk, which move from page to page.
 */
function filterConditions(filter: CertificateFilter): Condition[] {
  const { now, state, serialPrefix, text, issuedAfter, issuedBefore, expiresAfter, expiresBefore } = filter
  const conditions: Condition[] = [
    ...EQUAL.profile(filter),
    ...EQUAL.principal(filter),
    ...EQUAL.authority(filter),
  ]
  const must = (sql: string, ...values: Value[]) => conditions.push({ sql, values })
  if (issuedAfter !== undefined) must('+c.issued_ms >= ?', issuedAfter * 1000)
  if (issuedBefore !== undefined) must('+c.issued_ms < ?', issuedBefore * 1000)
  if (serialPrefix !== undefined) {
    const { low, high } = serialRange(serialPrefix)
    must('+c.serial >= ? AND +c.serial < ?', low, high)
  }
  if (text !== undefined) {
    must('(instr(lower(c.names), lower(?)) > 0 OR instr(lower(c.subject), lower(?)) > 0)', text, text)
  }
  if (expiresAfter !== undefined) must('+c.not_after >= ?', expiresAfter)
  if (expiresBefore !== undefined) must('+c.not_after < ?', expiresBefore)
  // coalesce keeps the left join one: a plain comparison would let SQLite begin with the revocations.
  if (state === 'revoked') must('coalesce(r.reason, 6) <> 6')
  if (state === 'held') must('coalesce(r.reason, 0) = 6')
  if (state === 'valid') must('+c.not_after >= ? AND r.certificate IS NULL', now)
  if (state === 'expired') must('+c.not_after < ? AND r.certificate IS NULL', now)
  return conditions
}
