import type { Finding, Specimen } from './pkilint.ts'

/** A finding that is no fault; docs/conformance.md says why, under the same code. */
export interface Explained {
  readonly code: string
  readonly kind: Specimen['kind']
  /** Matches the names of the specimens that have it. */
  readonly specimens: RegExp
}

export const EXPLAINED: readonly Explained[] = []

export function explains({ code, kind, specimens }: Explained, specimen: Specimen, finding: Finding): boolean {
  return code === finding.code && kind === specimen.kind && specimens.test(specimen.name)
}
