import { useEffect, useState } from 'preact/hooks'
import { call } from '../api/client.ts'
import type { Session } from '../api/types.ts'
import { useAction } from '../load.ts'
import { Input, Submit, submitting } from '../parts/form.tsx'

const OIDC = new URL('../v1/session/oidc', location.href)

/** By admin key, by the certificate that the browser shows, or where the service says so by an identity provider. */
export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const [key, setKey] = useState('')
  const { isBusy, problem, run } = useAction()
  useEffect(() => {
    document.title = 'Sign in · Chancery'
  }, [])
  const open = (headers: Record<string, string>) =>
    run(async () => onSignedIn(await call<Session>('v1/session', { method: 'POST', headers })))
  return (
    <main class="sign-in">
      <div class="card">
        <div class="brand">
          <img src="./icon.svg" alt="" width="40" height="40" />
          <h1>Chancery</h1>
        </div>
        <form class="form" onSubmit={submitting(() => open({ authorization: `Bearer ${key.trim()}` }))}>
          <Input label="Admin key" type="password" value={key} onChange={setKey} isRequired />
          <Submit label="Sign in" isBusy={isBusy} problem={problem} />
        </form>
        <div class="or">or</div>
        <button type="button" disabled={isBusy} onClick={() => open({})}>
          Use this browser’s certificate
        </button>
        <Provider />
      </div>
    </main>
  )
}

/** Asked for without following: where sign-in by a provider is not set up, there is nothing at the address. HEAD begins none. */
function Provider() {
  const [isThere, setThere] = useState(false)
  useEffect(() => {
    fetch(OIDC, { method: 'HEAD', redirect: 'manual' }).then(
      async (response) => {
        setThere(response.type === 'opaqueredirect')
        // Until it is read, the connection is not free for others.
        await response.text()
      },
      () => {},
    )
  }, [])
  if (!isThere) return null
  return (
    <a class="button" href={OIDC.href}>
      Sign in with your organisation
    </a>
  )
}
