import { CaError, type ErrorCode } from '../errors.ts'

/** Seconds in each unit, longest first. A year is 365 days: enough for a root's life, and no calendar is needed. */
const UNITS = [
  ['y', 31_536_000],
  ['w', 604_800],
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const

/** What a duration has to look like, for messages and documentation. */
export const DURATION_FORM = 'a duration such as "90d", "24h" or "1h30m"'

/** Beyond a century a time no longer fits what certificates are for, and sums would leave the safe integers. */
const LONGEST = 100 * 31_536_000

const FORM =
  /^(?:\d{1,12}|(?:\d{1,12}y)?(?:\d{1,12}w)?(?:\d{1,12}d)?(?:\d{1,12}h)?(?:\d{1,12}m)?(?:\d{1,12}s)?)$/

/**
 * Seconds from "90d", "24h", "10m", "1h30m" (units y, w, d, h, m, s, each once, longest first) or from plain
 * seconds. Throws `CaError` with the code of whoever asks; `what` names the value in its sentence.
 */
export function parseDuration(
  text: string | number,
  what = 'The duration',
  code: ErrorCode = 'malformedRequest',
): number {
  const trimmed = String(text).trim()
  if (trimmed === '' || !FORM.test(trimmed)) {
    throw new CaError(code, `${what} must be ${DURATION_FORM}, and is ${JSON.stringify(text)}.`)
  }
  const seconds = /^\d+$/.test(trimmed) ? Number(trimmed) : sumOfUnits(trimmed)
  if (seconds > LONGEST) throw new CaError(code, `${what} is longer than a hundred years: ${trimmed}.`)
  return seconds
}

function sumOfUnits(text: string): number {
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/(\d+)([ywdhms])/g)) {
    seconds += Number(count) * UNITS.find(([letter]) => letter === unit)![1]
  }
  return seconds
}

/** The shortest text that `parseDuration` reads back: days, hours, minutes and seconds, such as "1d12h". */
export function formatDuration(seconds: number): string {
  let rest = seconds
  let text = ''
  for (const [letter, size] of UNITS.slice(2)) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) text += `${count}${letter}`
  }
  return text || '0s'
}
