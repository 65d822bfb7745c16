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
