import { ServiceError } from '../../client/service-error.ts'
import { CaError } from '../../errors.ts'

export type Verdict = 'ok' | 'warning' | 'failed'

/** What one look found, in plain words; `todo` says what to do where it is not well. */
export interface Finding {
  readonly area: string
  readonly verdict: Verdict
  readonly what: string
  readonly todo?: string
}

export function ok(area: string, what: string): Finding {
  return { area, verdict: 'ok', what }
}

export function warning(area: string, what: string, todo: string): Finding {
  return { area, verdict: 'warning', what, todo }
}

export function failed(area: string, what: string, todo: string): Finding {
  return { area, verdict: 'failed', what, todo }
}

/** One look: what it throws, as the domain and the network do, is a finding as well. */
export async function look(
  area: string,
  todo: string,
  work: () => Promise<Finding | Finding[]> | Finding | Finding[],
): Promise<Finding[]> {
  try {
    return [await work()].flat()
  } catch (error) {
    if (error instanceof CaError) return [failed(area, error.detail, todo)]
    if (error instanceof ServiceError) return [failed(area, error.message, todo)]
    if (error instanceof Error && 'syscall' in error) return [failed(area, `${error.message}.`, todo)]
    throw error
  }
}
