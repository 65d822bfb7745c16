import type { ComponentChildren } from 'preact'
import { Page } from '../parts/page.tsx'
import { routeTo } from '../route.ts'

const TABS = [
  ['keys', 'EAB keys'],
  ['accounts', 'Accounts'],
  ['orders', 'Orders'],
] as const

interface AcmePageProps {
  readonly tab: (typeof TABS)[number][0]
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

export function AcmePage({ tab, actions, children }: AcmePageProps) {
  return (
    <Page title="ACME" actions={actions}>
      <nav class="tabs" aria-label="ACME">
        {TABS.map(([path, title]) => (
          <a key={path} href={routeTo(`acme/${path}`)} aria-current={path === tab ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      {children}
    </Page>
  )
}
