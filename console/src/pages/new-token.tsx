import { useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import type { Profile } from '../api/types.ts'
import { useAction, useLoad } from '../load.ts'
import { Dialog, Input, Select, Submit, submitting } from '../parts/form.tsx'
import { ShownOnce } from '../parts/once.tsx'

export function NewToken({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const { data } = useLoad('profiles', (signal) => call<{ profiles: Profile[] }>('v1/profiles', { signal }))
  const [profile, setProfile] = useState('')
  const [names, setNames] = useState('')
  const [ttl, setTtl] = useState('1h')
  const [token, setToken] = useState<string>()
  const { isBusy, problem, run } = useAction()
  const make = () =>
    run(async () => {
      const body = { names: listOf(names), ttl: ttl.trim(), ...(profile ? { profile } : {}) }
      setToken((await call<{ token: string }>('v1/tokens', { method: 'POST', body })).token)
      onMade()
    })
  return (
    <Dialog title="New enrolment token" onClose={onClose}>
      {token === undefined ? (
        <form onSubmit={submitting(make)}>
          <Input
            label="Names"
            hint="One a line: what the certificate may have."
            placeholder="web.example.test"
            value={names}
            onChange={setNames}
            isTall
            isRequired
          />
          <Select
            label="Profile"
            value={profile}
            onChange={setProfile}
            options={[
              ['', 'The default one'],
              ...(data?.profiles ?? []).map(({ name }) => [name, name] as const),
            ]}
          />
          <Input label="Valid for" hint="Such as 1h or 7d." value={ttl} onChange={setTtl} isRequired />
          <Submit label="Make the token" isBusy={isBusy} problem={problem} />
        </form>
      ) : (
        <ShownOnce secrets={[['Token', token]]} />
      )}
    </Dialog>
  )
}

/** What stands on each line, or between commas. */
export function listOf(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((part) => part.trim())
    .filter(Boolean)
}
