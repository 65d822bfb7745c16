import { useEffect, useState } from 'preact/hooks'
import { call, whenSignedOut } from './api/client.ts'
import type { Session } from './api/types.ts'
import { Layout } from './layout.tsx'
import { Routes } from './pages/routes.tsx'
import { SignIn } from './pages/sign-in.tsx'
import { SessionContext } from './session.ts'

/** Signed in, the pages; else the way in. Undefined until the service has said which. */
export function App() {
  const [session, setSession] = useState<Session | null>()
  useEffect(() => {
    whenSignedOut(() => setSession(null))
    call<Session>('v1/session').then(setSession, () => setSession(null))
  }, [])
  if (session === undefined) return null
  if (session === null) return <SignIn onSignedIn={setSession} />
  const signOut = async () => {
    await call('v1/session', { method: 'DELETE' })
    setSession(null)
  }
  return (
    <SessionContext.Provider value={session}>
      <Layout session={session} onSignOut={signOut}>
        <Routes />
      </Layout>
    </SessionContext.Provider>
  )
}
