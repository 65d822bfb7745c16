import type { Readiness } from '../api/types.ts'

/** `/readyz` answers with 503 where something is wrong, and says what: that is what one wants to read. */
export async function readReadiness(signal: AbortSignal): Promise<Readiness> {
  const response = await fetch(new URL('../readyz', location.href), { signal })
  return (await response.json()) as Readiness
}
