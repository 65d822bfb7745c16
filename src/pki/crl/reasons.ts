import { CaError } from '../../errors.ts'

/** CRLReason (RFC 5280 5.3.1). 7 is not used. */
export const REASON = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const
export type ReasonName = keyof typeof REASON

/** What a revocation may give as its reason. removeFromCRL is the mark of delta CRLs for a hold that was lifted. */
export const REVOCATION_REASONS: readonly ReasonName[] = (Object.keys(REASON) as ReasonName[]).filter(
  (name) => name !== 'removeFromCRL',
)

const NAMES = new Map<number, ReasonName>(REVOCATION_REASONS.map((name) => [REASON[name], name]))

/** The code of a reason that somebody typed: its name in any letter case, or the code itself. */
export function reasonCode(name: string | number): number {
  const known =
    typeof name === 'string'
      ? REVOCATION_REASONS.find((one) => one.toLowerCase() === name.toLowerCase())
      : NAMES.get(name)
  if (known === undefined) {
    throw new CaError(
      'malformedRequest',
      `"${name}" is no reason to revoke. Known: ${REVOCATION_REASONS.join(', ')}.`,
    )
  }
  return REASON[known]
}

/** RangeError for a code that no revocation was ever recorded with. */
export function reasonName(code: number): ReasonName {
  const name = NAMES.get(code)
  if (name === undefined) throw new RangeError(`not a reason to revoke: ${code}`)
  return name
}
