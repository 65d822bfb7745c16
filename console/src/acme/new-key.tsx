import { useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import { useAction } from '../load.ts'
import { listOf } from '../pages/new-token.tsx'
import { CheckBox, Dialog, Input, Submit, submitting } from '../parts/form.tsx'
import { ShownOnce } from '../parts/once.tsx'

interface Made {
  readonly kid: string
  readonly hmacKey: string
}

export function NewKey({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [names, setNames] = useState('')
  const [profiles, setProfiles] = useState('')
  const [ttl, setTtl] = useState('')
  const [singleUse, setSingleUse] = useState(true)
  const [made, setMade] = useState<Made>()
  const { isBusy, problem, run } = useAction()
  const make = () =>
    run(async () => {
      const body = {
        singleUse,
        ...(names.trim() ? { names: listOf(names) } : {}),
        ...(profiles.trim() ? { profiles: listOf(profiles) } : {}),
        ...(ttl.trim() ? { ttl: ttl.trim() } : {}),
      }
      setMade(await call<Made>('v1/acme/eab-keys', { method: 'POST', body }))
      onMade()
    })
  return (
    <Dialog title="New key for external account binding" onClose={onClose}>
      {made === undefined ? (
        <form onSubmit={submitting(make)}>
          <Input
            label="Domains and networks"
            hint="One a line, such as example.test or 10.0.0.0/8. None: any."
            value={names}
            onChange={setNames}
            isTall
          />
          <Input
            label="Profiles"
            hint="With commas. None: every one that ACME offers."
            value={profiles}
            onChange={setProfiles}
          />
          <Input label="Valid for" hint="Such as 90d. None: for ever." value={ttl} onChange={setTtl} />
          <CheckBox label="For one account alone" isChecked={singleUse} onChange={setSingleUse} />
          <Submit label="Make the key" isBusy={isBusy} problem={problem} />
        </form>
      ) : (
        <ShownOnce
          secrets={[
            ['Key identifier', made.kid],
            ['HMAC key', made.hmacKey],
          ]}
        />
      )}
    </Dialog>
  )
}
