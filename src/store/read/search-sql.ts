import { principalColumn } from '../columns.ts'
import type { CertificateFilter, Page } from '../queries.ts'
import { SUMMARY_COLUMNS } from './certificate-row.ts'
import { type CursorKey, readCursor } from './cursor.ts'
import {
  AUTHORITY_KEY,
  type Condition,
  PROFILE_KEY,
  planSearch,
  type SearchPlan,
  serialRange,
  type Value,
} from './search-plan.ts'

export interface SearchSql {
  sql: string
  values: Value[]
  order: SearchPlan['order']
}

/** One row more than the page, each with its sort key as k0 and k1. */
export function pageSql(filter: CertificateFilter, page: Page, plan = planSearch(filter)): SearchSql {
  const { where, values } = conditionsOf(plan, filter, page.after)
  const keys = plan.key.map((column, index) => `${column} AS k${index}`)
  const order = plan.key.map((column) => (plan.descending ? `${column} DESC` : column))
  return {
    sql: `SELECT ${SUMMARY_COLUMNS}, ${keys.join(', ')} FROM ${plan.from} ${where} ORDER BY ${order.join(', ')} LIMIT ?`,
    values: [...values, page.limit + 1],
    order: plan.order,
  }
}

export function countSql(
  filter: CertificateFilter,
  limit: number,
  plan = planSearch(filter),
): { sql: string; values: Value[] } {
  const { where, values } = conditionsOf(plan, filter, undefined)
  return {
    sql: `SELECT count(*) FROM (SELECT 1 FROM ${plan.from} ${where} LIMIT ?)`,
    values: [...values, limit],
  }
}

function conditionsOf(
  plan: SearchPlan,
  filter: CertificateFilter,
  after: string | undefined,
): { where: string; values: Value[] } {
  // A plan's own come last: one of them calls back into JavaScript, for as few rows as possible.
  const conditions = [...startOf(plan, after), ...filterConditions(filter), ...plan.conditions]
  return {
    where: conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`,
    values: conditions.flatMap(({ values }) => values),
  }
}

/** Where reading begins. Only a place: the conditions hold for every row, also where a cursor was made up. */
function startOf(plan: SearchPlan, after: string | undefined): Condition[] {
  const values = after === undefined ? plan.start : cursorValues(plan, after)
  if (!values) return []
  const marks = plan.key.map(() => '?').join(', ')
  return [{ sql: `(${plan.key.join(', ')}) ${plan.descending ? '<' : '>'} (${marks})`, values }]
}

function cursorValues(plan: SearchPlan, after: string): readonly Value[] {
  const first = plan.order === 'serial' || plan.order === 'name' ? 'string' : 'number'
  const key: CursorKey = readCursor(after, plan.order, plan.key.length === 1 ? [first] : [first, 'number'])
  return plan.order === 'serial' ? [Buffer.from(String(key[0]), 'hex'), ...key.slice(1)] : key
}

/**
 * The parts of the filter; "after" and "from" include their bound, "before" does not. A certificate is in one state
 * only: revoked or held, whether or not it has expired since, else expired or valid.
 */
function filterConditions(filter: CertificateFilter): Condition[] {
  const { now, state, profile, authority, principal, serialPrefix } = filter
  const { issuedAfter, issuedBefore, expiresAfter, expiresBefore } = filter
  const conditions: Condition[] = []
  const must = (sql: string, ...values: Value[]) => conditions.push({ sql, values })
  if (profile !== undefined) must(`c.profile = ${PROFILE_KEY}`, profile)
  if (principal !== undefined) must('c.principal = ?', principalColumn(principal))
  if (authority !== undefined) must(`c.authority = ${AUTHORITY_KEY}`, authority)
  if (issuedAfter !== undefined) must('c.issued_ms >= ?', issuedAfter * 1000)
  if (issuedBefore !== undefined) must('c.issued_ms < ?', issuedBefore * 1000)
  // The plus leaves the index to the lower bound in the plan's start, which moves from page to page.
  if (serialPrefix !== undefined) {
    const { low, high } = serialRange(serialPrefix)
    must('+c.serial >= ? AND c.serial < ?', low, high)
  }
  if (expiresAfter !== undefined) must('+c.not_after >= ?', expiresAfter)
  if (expiresBefore !== undefined) must('c.not_after < ?', expiresBefore)
  // coalesce keeps the left join one: a plain comparison would let SQLite begin with the revocations.
  if (state === 'revoked') must('coalesce(r.reason, 6) <> 6')
  if (state === 'held') must('coalesce(r.reason, 0) = 6')
  if (state === 'valid') must('+c.not_after >= ? AND r.certificate IS NULL', now)
  if (state === 'expired') must('c.not_after < ? AND r.certificate IS NULL', now)
  return conditions
}
