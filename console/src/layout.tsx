import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Session } from './api/types.ts'
import { useAction } from './load.ts'
import { ProblemNote } from './parts/page.tsx'
import { routeTo, useRoute } from './route.ts'

const PLACES = [
  ['', 'Overview'],
  ['certificates', 'Certificates'],
  ['approvals', 'Approvals'],
  ['tokens', 'Tokens'],
  ['acme', 'ACME'],
  ['audit', 'Audit log'],
] as const

interface LayoutProps {
  readonly session: Session
  /** Rejects where the session goes on. */
  readonly onSignOut: () => Promise<void>
  readonly children: ComponentChildren
}

export function Layout({ session, onSignOut, children }: LayoutProps) {
  const route = useRoute()
  const here = route.path[0] ?? ''
  const [isOpen, setOpen] = useState(false)
  const { isBusy, problem, run } = useAction()
  useEffect(() => setOpen(false), [here])
  return (
    <div class="layout">
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>('h1')?.focus()}>
        Skip to the content
      </button>
      <header class="side">
        <div class="brand">
          <img src="./icon.svg" alt="" width="28" height="28" />
          <span>Chancery</span>
          <button
            type="button"
            class="menu"
            aria-expanded={isOpen}
            aria-controls="places"
            onClick={() => setOpen(!isOpen)}
          >
            Menu
          </button>
        </div>
        <div id="places" class={isOpen ? 'places open' : 'places'}>
          <nav aria-label="Main">
            <ul>
              {PLACES.map(([path, title]) => (
                <li key={path}>
                  <a href={routeTo(path)} aria-current={path === here ? 'page' : undefined}>
                    {title}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="who">
            <span class="break">{session.name}</span>
            <span class="quiet">{session.role}</span>
            <button type="button" class="small" disabled={isBusy} onClick={() => run(onSignOut)}>
              Sign out
            </button>
            <ProblemNote problem={problem} />
          </div>
        </div>
      </header>
      <main>{children}</main>
    </div>
  )
}
