import { CaError } from '../errors.ts'

/** The last second that certificates and CRLs can say (RFC 5280 4.1.2.5.2). */
const LAST_SECOND = Date.parse('9999-12-31T23:59:59Z') / 1000

/** Seconds since 1970 of an RFC 3339 time, which must be of the years 1970 to 9999 in UTC: an offset can lead out of them. */
export function readTime(text: string): number {
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) throw new CaError('malformedRequest', `"${text}" is not an RFC 3339 time.`)
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 0 || seconds > LAST_SECOND) {
    throw new CaError('malformedRequest', `"${text}" is not a time of the years 1970 to 9999 in UTC.`)
  }
  return seconds
}
