import { expect } from 'vitest'
import { eventually } from '../eventually.ts'
import type { Rest } from './rest.ts'

/** What the readiness check says, and the names of the checks that fail. */
export async function failingChecks(rest: Rest): Promise<{ status: number; failing: string[] }> {
  const { status, body } = await rest.call('GET', '/readyz', { bearer: null })
  const checks = JSON.parse(body.toString()).checks as { name: string; ok: boolean }[]
  return { status, failing: checks.filter(({ ok }) => !ok).map(({ name }) => name) }
}

/** Waits until the service says that it is ready. */
export function ready(rest: Rest): Promise<void> {
  return eventually(async () => expect(await failingChecks(rest)).toEqual({ status: 200, failing: [] }))
}
