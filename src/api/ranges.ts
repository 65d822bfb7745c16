import type { IncomingMessage } from 'node:http'

/** Octets from the first up to but not including `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Longer numbers say nothing that an array could have. */
const ONE_RANGE = /^bytes=(\d{0,15})-(\d{0,15})$/i

/**
 * The part of a body of `length` octets that is asked for (RFC 9110 14); null where all of it is to be sent: nobody asks for a part,
 * it is more than one or none that can be read, or another body was meant. "unsatisfiable" where nothing of it is there.
 */
export function rangeOf(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  length: number,
  etag: string,
): ByteRange | 'unsatisfiable' | null {
  // 14.2: of GET alone.
  if (method !== 'GET' || headers.range === undefined) return null
  // 13.1.5: compared strongly. A date could be that of two lists in one second, so none counts.
  const condition = headers['if-range']
  if (condition !== undefined && condition !== etag) return null
  const [, first = '', last = ''] = ONE_RANGE.exec(headers.range.replaceAll(/[ \t]/g, '')) ?? []
  if (first === '') return last === '' ? null : lastOctets(Number(last), length)
  if (last !== '' && Number(last) < Number(first)) return null
  if (Number(first) >= length) return 'unsatisfiable'
  const end = last === '' ? length : Math.min(Number(last) + 1, length)
  return { start: Number(first), end }
}

function lastOctets(count: number, length: number): ByteRange | 'unsatisfiable' {
  return count === 0 || length === 0 ? 'unsatisfiable' : { start: Math.max(0, length - count), end: length }
}
