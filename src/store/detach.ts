import { KeyObject } from 'node:crypto'

/** A byte array of the copy, and what it is a copy of. */
interface Octets {
  readonly from: Uint8Array
  readonly holder: Record<string | number, unknown>
  readonly key: string | number
}

/**
 * A deep copy of plain data, and roughly how many bytes it is. Copied when the command is queued, so that a later change by
 * the caller cannot reach what is recorded. All byte arrays of the copy share one memory of exactly their size: posting a view of
 * Buffer's pool to a thread would carry the whole 64 KiB pool along, and a memory for each costs more than what is in it.
 * A `KeyObject` cannot change.
 */
export function detach<T extends object>(value: T): { copy: T; bytes: number } {
  const arrays: Octets[] = []
  let octets = 0
  let bytes = 0
  function copyTo(holder: Octets['holder'], key: string | number, part: unknown): void {
    bytes += 8
    if (typeof part === 'string') bytes += part.length
    if (typeof part !== 'object' || part === null || part instanceof KeyObject) holder[key] = part
    else if (part instanceof Uint8Array) {
      octets += part.length
      // Holds the place, so that keys keep their order.
      holder[key] = null
      arrays.push({ from: part, holder, key })
    } else holder[key] = copyOf(part)
  }
  function copyOf(part: object): object {
    const copy = (Array.isArray(part) ? [] : {}) as Octets['holder']
    for (const key of Object.keys(part)) copyTo(copy, key, (part as Octets['holder'])[key])
    return copy
  }
  const copy = copyOf(value) as T
  const memory = new ArrayBuffer(octets)
  let at = 0
  for (const { from, holder, key } of arrays) {
    const own = new Uint8Array(memory, at, from.length)
    own.set(from)
    holder[key] = own
    at += from.length
  }
  return { copy, bytes: bytes + octets }
}
