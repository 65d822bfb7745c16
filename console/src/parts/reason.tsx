import { words } from '../format.ts'
import { Select } from './form.tsx'

/** CRLReason (RFC 5280 5.3.1), as far as an issuing authority says them of a certificate. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'certificateHold',
]

/** As the audit log has them. */
const BY_CODE: Readonly<Record<number, string>> = {
  0: 'unspecified',
  1: 'keyCompromise',
  2: 'cACompromise',
  3: 'affiliationChanged',
  4: 'superseded',
  5: 'cessationOfOperation',
  6: 'certificateHold',
  9: 'privilegeWithdrawn',
  10: 'aACompromise',
}

/** In words; null for what is no code of a reason. */
export function reasonOfCode(code: unknown): string | null {
  const name = typeof code === 'number' ? BY_CODE[code] : undefined
  return name === undefined ? null : words(name)
}

export function ReasonSelect({ value, onChange }: { value: string; onChange: (reason: string) => void }) {
  return (
    <Select
      label="Reason"
      value={value}
      onChange={onChange}
      options={REASONS.map((reason) => [reason, words(reason)] as const)}
      hint={value === 'certificateHold' ? 'It can be released later; all others are for good.' : ''}
    />
  )
}
