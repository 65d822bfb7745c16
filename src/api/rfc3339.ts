import { LAST_SECOND } from '../clock.ts'
import { CaError } from '../errors.ts'
import { quoted } from '../pki/names/quoted.ts'

/** RFC 3339 5.6. `Date.parse` alone takes "1" and "Thu, 1 Jan 2099" as well, and reads the former by the local time. */
const FORM = /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i

/** Seconds since 1970 of an RFC 3339 time, which must be of the years 1970 to 9999 in UTC: an offset can lead out of them. */
export function readTime(text: string): number {
  return Math.floor(readMilliseconds(text) / 1000)
}

/** `readTime` to the millisecond, for what is recorded so. */
export function readMilliseconds(text: string): number {
  const [, date] = FORM.exec(text) ?? []
  const milliseconds = date !== undefined && isDay(date) ? Date.parse(text.toUpperCase()) : Number.NaN
  if (Number.isNaN(milliseconds)) {
    throw new CaError('malformedRequest', `${quoted(text)} is not an RFC 3339 time.`)
  }
  if (milliseconds < 0 || Math.floor(milliseconds / 1000) > LAST_SECOND) {
    throw new CaError('malformedRequest', `"${text}" is not a time of the years 1970 to 9999 in UTC.`)
  }
  return milliseconds
}

/** RFC 3339 5.7. `Date.parse` takes each month for one of 31 days: 30 February would be 2 March. */
function isDay(date: string): boolean {
  const midnight = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date)
}
