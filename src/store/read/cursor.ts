import { CaError } from '../../errors.ts'

/** Where the next page begins: the sort key of the last row given, with the order it belongs to. */
export type CursorKey = readonly (string | number)[]

/** Opaque to callers. The order is part of it: a cursor of one listing means nothing in another. */
export function writeCursor(order: string, key: CursorKey): string {
  return Buffer.from(JSON.stringify([order, ...key])).toString('base64url')
}

/** The key of a cursor that `writeCursor` made for this order; `shape` gives the type of each of its parts. */
export function readCursor(
  cursor: string,
  order: string,
  shape: readonly ('string' | 'number')[],
): CursorKey {
  const [actual, ...key] = parse(cursor)
  const fits = key.length === shape.length && shape.every((type, index) => typeof key[index] === type)
  if (actual !== order || !fits) throw madeUp()
  return key as (string | number)[]
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (Array.isArray(value)) return value
  } catch {
    // Answered below, like any other text that is not a cursor.
  }
  throw madeUp()
}

function madeUp(): CaError {
  return new CaError(
    'malformedRequest',
    'The page cursor was not made for this listing. Repeat the request without it, or with the "next" of the page before.',
  )
}

/** Cuts the one row too many that tells whether a further page exists. */
export function pageOf<Row>(
  rows: Row[],
  limit: number,
  cursorOf: (row: Row) => string,
): { rows: Row[]; next: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, next: rows.length > limit && last !== undefined ? cursorOf(last) : null }
}
