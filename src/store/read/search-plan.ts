import { CaError } from '../../errors.ts'
import { searchKey } from '../columns.ts'
import type { CertificateFilter } from '../queries.ts'

export type Value = string | number | Buffer

/**
 * The index that leads a search, and the order that it gives for nothing: rows are read in that order, from
 * `start` on, until the page is full. Nothing is ever sorted.
 */
export interface SearchPlan {
  /** Names the order in cursors. */
  order: 'newest' | 'expiry' | 'issued' | 'serial' | 'name'
  /** Tables up to certificates `c` and revocations `r`; CROSS JOIN keeps the leader first. */
  from: string
  /** The sort key, unique in its whole. */
  key: readonly [string, ...string[]]
  descending: boolean
  /** Where the first page begins: rows strictly beyond this key. */
  start?: readonly [Value, number]
  /** Conditions that only this plan has. */
  conditions: readonly Condition[]
}

export interface Condition {
  sql: string
  values: readonly Value[]
}

export const AUTHORITY_KEY = '(SELECT a.key FROM authorities a WHERE a.id = ?)'

export const PROFILE_KEY = '(SELECT w.key FROM words w WHERE w.text = ?)'

export const REVOCATION = 'LEFT JOIN revocations r ON r.certificate = c.id'

/** Before every id, so that (value, BEFORE_ALL) begins with the rows at `value` itself. */
const BEFORE_ALL = -1

/** Takes the part of the filter that narrows most; the others are checked row by row. */
export function planSearch(filter: CertificateFilter): SearchPlan {
  if (filter.name?.startsWith('*')) return byNameSuffix(filter.name.slice(1))
  if (filter.name !== undefined) return byName(filter.name)
  if (filter.serialPrefix !== undefined) return bySerial(filter.serialPrefix)
  const { state, principal, expiresBefore, expiresAfter, issuedBefore, issuedAfter } = filter
  const byEnd = state !== undefined || (expiresBefore ?? expiresAfter) !== undefined
  // Before what is asked for along with it: a profile's certificates of years ago lie behind all of its newer ones.
  if ((issuedBefore ?? issuedAfter) !== undefined && !byEnd) return byIssuance(filter)
  if (principal !== undefined) return newest('certificates_principal')
  if (state === 'held') return newestHeld()
  if (state === 'revoked') return newestRevoked(filter.authority)
  if (byEnd) return byExpiry(filter)
  if (filter.profile !== undefined) return newest('certificates_profile')
  if (filter.authority !== undefined) return newest('certificates_authority')
  return newest(null)
}

function newest(index: string | null): SearchPlan {
  const from = `certificates c ${index === null ? '' : `INDEXED BY ${index}`} ${REVOCATION}`
  return { order: 'newest', from, key: ['c.id'], descending: true, conditions: [] }
}

function newestHeld(): SearchPlan {
  return revocationsFirst('INDEXED BY revocations_held', { sql: 'r.reason = 6', values: [] })
}

function newestRevoked(authority: string | undefined): SearchPlan {
  if (authority === undefined) return revocationsFirst('')
  return revocationsFirst('INDEXED BY revocations_authority', {
    sql: `r.authority = ${AUTHORITY_KEY}`,
    values: [authority],
  })
}

function revocationsFirst(index: string, ...conditions: Condition[]): SearchPlan {
  return {
    order: 'newest',
    from: `revocations r ${index} CROSS JOIN certificates c ON c.id = r.certificate`,
    key: ['r.certificate'],
    descending: true,
    conditions,
  }
}

function byExpiry(filter: CertificateFilter): SearchPlan {
  const index =
    filter.profile !== undefined
      ? 'certificates_profile_expiry'
      : filter.authority !== undefined
        ? 'certificates_authority_expiry'
        : 'certificates_expiry'
  const earliest =
    filter.state === 'valid' ? Math.max(filter.now, filter.expiresAfter ?? filter.now) : filter.expiresAfter
  return {
    order: 'expiry',
    from: `certificates c INDEXED BY ${index} ${REVOCATION}`,
    key: ['c.not_after', 'c.id'],
    descending: false,
    ...(earliest === undefined ? {} : { start: [earliest, BEFORE_ALL] as const }),
    conditions: [],
  }
}

function byIssuance(filter: CertificateFilter): SearchPlan {
  return {
    order: 'issued',
    from: `certificates c INDEXED BY certificates_issued ${REVOCATION}`,
    key: ['c.issued_ms', 'c.id'],
    descending: true,
    ...(filter.issuedBefore === undefined
      ? {}
      : { start: [filter.issuedBefore * 1000, BEFORE_ALL] as const }),
    conditions: [],
  }
}

function bySerial(prefix: string): SearchPlan {
  return {
    order: 'serial',
    from: `certificates c INDEXED BY certificates_serial ${REVOCATION}`,
    key: ['c.serial', 'c.id'],
    descending: false,
    start: [serialRange(prefix).low, BEFORE_ALL],
    conditions: [],
  }
}

/** The serial numbers with this prefix: from `low` on and below `high`. */
export function serialRange(prefix: string): { low: Buffer; high: Buffer } {
  const digits = prefix.toLowerCase()
  if (!/^[0-9a-f]{1,40}$/.test(digits)) {
    throw new CaError(
      'malformedRequest',
      'The serial number to search for is not 1 to 40 hexadecimal digits.',
    )
  }
  return {
    low: Buffer.from(digits.length % 2 ? `${digits}0` : digits, 'hex'),
    // The prefix followed by more f's than any serial number has.
    high: Buffer.from(digits.padEnd(42, 'f'), 'hex'),
  }
}

const NAMES = `certificate_names n CROSS JOIN certificates c ON c.id = n.certificate ${REVOCATION}`

function byName(name: string): SearchPlan {
  return {
    order: 'newest',
    from: NAMES,
    key: ['n.certificate'],
    descending: true,
    conditions: [{ sql: 'n.name = ?', values: [searchKey(name)] }],
  }
}

/** Ordered by name from the right, then oldest first. A certificate with several such names stands at the first. */
function byNameSuffix(suffix: string): SearchPlan {
  const low = searchKey(suffix)
  const high =
    low === '' ? '\u{10ffff}' : low.slice(0, -1) + String.fromCharCode(low.charCodeAt(low.length - 1) + 1)
  return {
    order: 'name',
    from: NAMES,
    key: ['n.name', 'n.certificate'],
    descending: false,
    start: [low, BEFORE_ALL],
    conditions: [
      { sql: 'n.name < ?', values: [high] },
      { sql: 'n.name = first_name(c.names, ?, ?)', values: [low, high] },
    ],
  }
}
