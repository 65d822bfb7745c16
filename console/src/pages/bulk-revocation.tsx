import { Fragment } from 'preact'
import { useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import type { BulkOutcome } from '../api/types.ts'
import { number } from '../format.ts'
import { useAction } from '../load.ts'
import { Dialog, dayField, Input, Submit, submitting } from '../parts/form.tsx'
import { Note } from '../parts/page.tsx'
import { ReasonSelect } from '../parts/reason.tsx'
import { Serial } from '../parts/text.tsx'

type Filter = Readonly<Record<string, string>>

const FIELDS = [
  ['name', 'Name', 'A whole name, or *.example.test for all below a domain.'],
  ['profile', 'Profile', ''],
  ['authority', 'Authority', ''],
  ['principal', 'Asked for by', ''],
] as const
const DAYS = [
  ['issuedAfter', 'Issued from'],
  ['issuedBefore', 'Issued before'],
] as const

interface BulkRevocationProps {
  /** Of the inventory; what bulk revocation cannot tell apart is left out. */
  readonly filter: Filter
  readonly onClose: () => void
  readonly onRevoked: () => void
}

/** First what would be revoked, then the revocation of exactly that filter. */
export function BulkRevocation({ filter: shown, onClose, onRevoked }: BulkRevocationProps) {
  const [filter, setFilter] = useState<Filter>(() => ({ ...shown, ...nameOf(shown.search) }))
  const [reason, setReason] = useState('unspecified')
  const [answer, setAnswer] = useState<{ readonly to: string; readonly outcome: BulkOutcome }>()
  const { isBusy, problem, run } = useAction()
  const given = Object.fromEntries(
    [...FIELDS, ...DAYS].flatMap(([key]) => (filter[key] ? [[key, filter[key]]] : [])),
  )
  const asked = JSON.stringify(given)
  const change = (key: string, value: string) => {
    setFilter({ ...filter, [key]: value })
    setAnswer(undefined)
  }
  const ask = (dryRun: boolean) =>
    run(async () => {
      const body = { filter: given, reason, dryRun }
      const outcome = await call<BulkOutcome>('v1/certificates/revoke', { method: 'POST', body })
      setAnswer({ to: asked, outcome })
      if (!dryRun) onRevoked()
    })
  // The fields may have been changed while the service counted: then nobody has seen what they match.
  const outcome = answer?.outcome.dryRun && answer.to !== asked ? undefined : answer?.outcome
  const isTried = outcome?.dryRun === true
  return (
    <Dialog title="Revoke every certificate that matches" onClose={onClose}>
      <form onSubmit={submitting(() => ask(!isTried))}>
        {FIELDS.map(([key, label, hint]) => (
          <Input
            key={key}
            label={label}
            value={filter[key] ?? ''}
            onChange={(value) => change(key, value)}
            {...(hint ? { hint } : {})}
          />
        ))}
        <div class="filters">
          {DAYS.map(([key, label]) => (
            <Input key={key} label={label} {...dayField(filter[key], (value) => change(key, value))} />
          ))}
        </div>
        <ReasonSelect value={reason} onChange={setReason} />
        {outcome && <Outcome outcome={outcome} />}
        {outcome?.dryRun === false || (isTried && outcome.matched === 0) ? (
          <button type="button" onClick={onClose}>
            Close
          </button>
        ) : (
          <Submit
            label={isTried ? `Revoke ${number(outcome.matched)}` : 'See what would be revoked'}
            isDangerous={isTried}
            isBusy={isBusy}
            problem={problem}
          />
        )}
      </form>
    </Dialog>
  )
}

function Outcome({ outcome: { dryRun, matched, revoked, serialNumbers } }: { outcome: BulkOutcome }) {
  return (
    <Note kind={dryRun ? 'warn' : 'good'}>
      <p>
        {dryRun
          ? `${number(matched)} would be revoked. Nothing has been done yet.`
          : `${number(revoked)} of ${number(matched)} were revoked now.`}
      </p>
      {dryRun && serialNumbers.length > 0 && (
        <p>
          Among them:{' '}
          {serialNumbers.slice(0, 6).map((serial) => (
            <Fragment key={serial}>
              <Serial serial={serial} />{' '}
            </Fragment>
          ))}
        </p>
      )}
    </Note>
  )
}

/** What was searched for, where it is a name that stands for itself. */
function nameOf(search = ''): Filter {
  return search.startsWith('*') || search.includes('.') ? { name: search } : {}
}
