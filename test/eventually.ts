import { vi } from 'vitest'

/** Waits until the check holds, for as long as a very busy machine may need. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 30_000, interval: 20 })
}
