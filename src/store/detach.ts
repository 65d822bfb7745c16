import { KeyObject } from 'node:crypto'

/**
 * A deep copy of plain data in which each byte array has memory of its own, and roughly how many bytes it is.
 * Copied when the command is queued, so that a later change by the caller cannot reach what is recorded; and to
 * exact size, since posting a view of Buffer's pool to a thread would carry the whole 64 KiB pool along. Keys cannot change.
 */
export function detach<T>(value: T): { copy: T; bytes: number } {
  let bytes = 0
  function copyOf(part: unknown): unknown {
    bytes += 8
    if (typeof part === 'string') bytes += part.length
    if (typeof part !== 'object' || part === null) return part
    if (part instanceof Uint8Array) {
      bytes += part.length
      return new Uint8Array(part)
    }
    if (part instanceof KeyObject) return part
    if (Array.isArray(part)) return part.map(copyOf)
    const copy: Record<string, unknown> = {}
    for (const key of Object.keys(part)) copy[key] = copyOf((part as Record<string, unknown>)[key])
    return copy
  }
  return { copy: copyOf(value) as T, bytes }
}
