import { useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import type { ApprovalRequest } from '../api/types.ts'
import { nameList } from '../format.ts'
import { useAction } from '../load.ts'
import { CheckBox, Input, Submit, submitting } from '../parts/form.tsx'
import { Card } from '../parts/page.tsx'

interface DecisionProps {
  readonly request: ApprovalRequest
  readonly onDecided: () => void
}

export function Decision(props: DecisionProps) {
  return (
    <div class="grid">
      <Approve {...props} />
      <Refuse {...props} />
    </div>
  )
}

/** As it was asked for, or less: some of the names, a shorter life. */
function Approve({ request: { id, names }, onDecided }: DecisionProps) {
  const all = nameList(names)
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set(all))
  const [validity, setValidity] = useState('')
  const { isBusy, problem, run } = useAction()
  const approve = () =>
    run(async () => {
      const body = {
        ...(left.size < all.length ? { names: [...left] } : {}),
        ...(validity.trim() === '' ? {} : { validity: validity.trim() }),
      }
      await call(`v1/requests/${id}/approve`, { method: 'POST', body })
      onDecided()
    })
  const keep = (name: string, isKept: boolean) => {
    const next = new Set(left)
    if (isKept) next.add(name)
    else next.delete(name)
    setLeft(next)
  }
  return (
    <Card title="Approve">
      <form class="form" onSubmit={submitting(approve)}>
        <fieldset>
          <legend>Names that the certificate is to have</legend>
          {all.map((name) => (
            <CheckBox key={name} label={name} isChecked={left.has(name)} onChange={(to) => keep(name, to)} />
          ))}
        </fieldset>
        <Input
          label="Shorter life"
          placeholder="as asked for"
          hint="Such as 24h or 30d."
          value={validity}
          onChange={setValidity}
        />
        <Submit label="Approve" isBusy={isBusy} problem={problem} />
      </form>
    </Card>
  )
}

function Refuse({ request: { id }, onDecided }: DecisionProps) {
  const [reason, setReason] = useState('')
  const { isBusy, problem, run } = useAction()
  const refuse = () =>
    run(async () => {
      await call(`v1/requests/${id}/refuse`, { method: 'POST', body: { reason: reason.trim() } })
      onDecided()
    })
  return (
    <Card title="Refuse">
      <form class="form" onSubmit={submitting(refuse)}>
        <Input label="Reason" hint="Whoever asked is told." value={reason} onChange={setReason} isRequired />
        <Submit label="Refuse" isDangerous isBusy={isBusy} problem={problem} />
      </form>
    </Card>
  )
}
