import { CaError } from '../../errors.ts'
import { principalColumn, searchKey } from '../columns.ts'
import type { CertificateFilter } from '../queries.ts'

export type Value = string | number | Buffer

/**
 * The index that leads a search, and the order that it gives for nothing: rows are walked in that order, from
 * `start` to `end`, until the page is full or enough were walked. Nothing is sorted.
 */
export interface SearchPlan {
  /** Names the order in cursors. */
  order: 'newest' | 'expiry' | 'issued' | 'serial' | 'name'
  /** The table that is walked, by one index. */
  leader: string
  /** Further tables, up to certificates `c` and revocations `r`; CROSS JOIN keeps the leader first. */
  joins: string
  /** What the index of the leader is searched by, before its sort key. */
  lead: readonly Condition[]
  /** The sort key, unique in its whole. */
  key: readonly [string, ...string[]]
  descending: boolean
  /** Where the first page begins: rows strictly beyond this key. */
  start?: readonly [Value, number]
  /** Where the last page ends: the bound at the far side of the sort key. */
  end?: Condition
  /** Conditions that only this plan has. */
  conditions: readonly Condition[]
  /** So few rows that they are read whole and sorted. */
  few?: true
  /** Rows that stand side by side in this index are far apart in the table: each costs the read of a page of its own. */
  scattered?: true
}

export interface Condition {
  sql: string
  values: readonly Value[]
}

const AUTHORITY_KEY = '(SELECT a.key FROM authorities a WHERE a.id = ?)'

/** Equalities that an index of certificates is searched by; each where that part of the filter is given. */
export const EQUAL = {
  profile: ({ profile }: CertificateFilter) =>
    equal('c.profile = (SELECT w.key FROM words w WHERE w.text = ?)', profile),
  principal: ({ principal }: CertificateFilter) =>
    equal('c.principal = ?', principal === undefined ? undefined : principalColumn(principal)),
  authority: ({ authority }: CertificateFilter) => equal(`c.authority = ${AUTHORITY_KEY}`, authority),
} as const

function equal(sql: string, value: Value | undefined): Condition[] {
  return value === undefined ? [] : [{ sql, values: [value] }]
}

export const REVOCATION = 'LEFT JOIN revocations r ON r.certificate = c.id'

/** Before every id, so that (value, BEFORE_ALL) begins with the rows at `value` itself. */
const BEFORE_ALL = -1

/** Takes the part of the filter that narrows most; the others are checked row by row. */
export function planSearch(filter: CertificateFilter): SearchPlan {
  if (filter.wholeName !== undefined) return byName(filter.wholeName)
  if (filter.name?.startsWith('*')) return byNameSuffix(filter.name.slice(1))
  if (filter.name !== undefined) return byName(filter.name)
  if (filter.serialPrefix !== undefined) return bySerial(filter.serialPrefix)
  const { state, principal, expiresBefore, expiresAfter, issuedBefore, issuedAfter } = filter
  const byEnd = state !== undefined || (expiresBefore ?? expiresAfter) !== undefined
  // Before what is asked for along with it: a profile's certificates of years ago lie behind all of its newer ones.
  if ((issuedBefore ?? issuedAfter) !== undefined && !byEnd) return byIssuance(filter)
  if (principal !== undefined) return newest('principal', filter)
  if (state === 'held') return newestHeld(filter)
  if (state === 'revoked') return newestRevoked(filter)
  if (byEnd) return byExpiry(filter)
  if (filter.profile !== undefined) return newest('profile', filter)
  if (filter.authority !== undefined) return newest('authority', filter)
  return newest(null, filter)
}

function newest(by: keyof typeof EQUAL | null, filter: CertificateFilter): SearchPlan {
  return {
    order: 'newest',
    leader: `certificates c ${by === null ? '' : `INDEXED BY certificates_${by}`}`,
    joins: REVOCATION,
    lead: by === null ? [] : EQUAL[by](filter),
    ...{ key: ['c.id'], descending: true, conditions: [] },
  }
}

function newestHeld(filter: CertificateFilter): SearchPlan {
  return revocationsFirst(filter, 'INDEXED BY revocations_held', { sql: 'r.reason = 6', values: [] })
}

function newestRevoked(filter: CertificateFilter): SearchPlan {
  if (filter.authority === undefined) return revocationsFirst(filter, '')
  return revocationsFirst(filter, 'INDEXED BY revocations_authority', {
    sql: `r.authority = ${AUTHORITY_KEY}`,
    values: [filter.authority],
  })
}

function revocationsFirst({ profile }: CertificateFilter, index: string, ...lead: Condition[]): SearchPlan {
  // That index tells by a few octets that a certificate has another profile; its row would be a page of its own.
  const lookup = profile === undefined ? '' : 'INDEXED BY certificates_profile'
  return {
    order: 'newest',
    leader: `revocations r ${index}`,
    joins: `CROSS JOIN certificates c ${lookup} ON c.id = r.certificate`,
    lead,
    ...{ key: ['r.certificate'], descending: true, conditions: [] },
  }
}

function byExpiry(filter: CertificateFilter): SearchPlan {
  const { state, now, expiresAfter, expiresBefore } = filter
  const by =
    filter.profile !== undefined ? 'profile' : filter.authority !== undefined ? 'authority' : undefined
  const earliest = state === 'valid' ? Math.max(now, expiresAfter ?? now) : expiresAfter
  const latest = state === 'expired' ? Math.min(now, expiresBefore ?? now) : expiresBefore
  return {
    order: 'expiry',
    leader: `certificates c INDEXED BY ${by ? `certificates_${by}_expiry` : 'certificates_expiry'}`,
    joins: REVOCATION,
    lead: by ? EQUAL[by](filter) : [],
    key: ['c.not_after', 'c.id'],
    descending: false,
    ...(earliest === undefined ? {} : { start: [earliest, BEFORE_ALL] as const }),
    ...(latest === undefined ? {} : { end: { sql: 'c.not_after < ?', values: [latest] } }),
    conditions: [],
  }
}

function byIssuance({ issuedBefore, issuedAfter }: CertificateFilter): SearchPlan {
  return {
    order: 'issued',
    leader: 'certificates c INDEXED BY certificates_issued',
    ...{ joins: REVOCATION, lead: [] },
    key: ['c.issued_ms', 'c.id'],
    descending: true,
    ...(issuedBefore === undefined ? {} : { start: [issuedBefore * 1000, BEFORE_ALL] as const }),
    ...(issuedAfter === undefined ? {} : { end: { sql: 'c.issued_ms >= ?', values: [issuedAfter * 1000] } }),
    conditions: [],
  }
}

function bySerial(prefix: string): SearchPlan {
  const { low, high } = serialRange(prefix)
  return {
    order: 'serial',
    scattered: true,
    leader: 'certificates c INDEXED BY certificates_serial',
    ...{ joins: REVOCATION, lead: [] },
    key: ['c.serial', 'c.id'],
    descending: false,
    start: [low, BEFORE_ALL],
    end: { sql: 'c.serial < ?', values: [high] },
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

const NAMES = {
  leader: 'certificate_names n',
  joins: `CROSS JOIN certificates c ON c.id = n.certificate ${REVOCATION}`,
}

function byName(name: string): SearchPlan {
  return {
    order: 'newest',
    ...NAMES,
    lead: [{ sql: 'n.name = ?', values: [searchKey(name)] }],
    ...{ key: ['n.certificate'], descending: true, conditions: [] },
  }
}

/** Ordered by name from the right, then oldest first. A certificate with several such names stands at the first. */
function byNameSuffix(suffix: string): SearchPlan {
  const low = searchKey(suffix)
  const high =
    low === '' ? '\u{10ffff}' : low.slice(0, -1) + String.fromCharCode(low.charCodeAt(low.length - 1) + 1)
  return {
    order: 'name',
    scattered: true,
    ...NAMES,
    lead: [],
    key: ['n.name', 'n.certificate'],
    descending: false,
    start: [low, BEFORE_ALL],
    end: { sql: 'n.name < ?', values: [high] },
    conditions: [{ sql: 'n.name = first_name(c.names, ?, ?)', values: [low, high] }],
  }
}
