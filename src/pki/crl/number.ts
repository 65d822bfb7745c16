/**
 * The cRLNumber after `previous`, at `now` (seconds since 1970). RFC 5280 5.2.3: numbers only rise, and none comes again
 * with other contents. Counting alone would repeat those that were given out after the backup that a database was
 * restored from; the time is past them.
 */
export function nextCrlNumber(previous: number | null, now: number): number {
  return Math.max((previous ?? 0) + 1, now)
}
