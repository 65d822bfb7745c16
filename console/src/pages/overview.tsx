import { lazy, Suspense } from 'preact/compat'
import { call } from '../api/client.ts'
import type { ApprovalRequest, Authority, DayCounts } from '../api/types.ts'
import { number } from '../format.ts'
import { useLoad } from '../load.ts'
import { Card, Page, ProblemNote } from '../parts/page.tsx'
import { routeTo } from '../route.ts'
import { Attention } from './attention.tsx'
import { AuthorityTree } from './authority-tree.tsx'
import { Freshness } from './freshness.tsx'
import { readReadiness } from './readiness.ts'

// The plots have a library of their own, which no other page needs.
const History = lazy(() => import('./history-plots.tsx'))

export function Overview() {
  const authorities = useLoad('authorities', (signal) =>
    call<{ authorities: Authority[] }>('v1/authorities', { signal }),
  )
  const counts = useLoad('statistics', (signal) => call<DayCounts>('v1/statistics', { signal }))
  const readiness = useLoad('ready', readReadiness)
  const pending = useLoad('pending', (signal) =>
    call<{ requests: ApprovalRequest[]; next: string | null }>('v1/requests?state=pending&limit=100', {
      signal,
    }),
  )
  const waiting = pending.data && `${pending.data.requests.length}${pending.data.next ? '+' : ''}`
  const days = counts.data?.days
  return (
    <Page title="Overview">
      <ProblemNote problem={authorities.problem ?? counts.problem ?? readiness.problem ?? pending.problem} />
      <div class="tiles">
        <Tile value={sum(days?.slice(0, 31), 'issued')} label="issued in 30 days" />
        <Tile
          value={sum(days?.slice(0, 31), 'revoked')}
          label="revoked in 30 days"
          to={routeTo('certificates', { state: 'revoked' })}
        />
        <Tile value={sum(days?.slice(30), 'expiring')} label="end in 30 days" />
        <Tile value={waiting} label="wait for approval" to={routeTo('approvals')} />
      </div>
      {readiness.data && authorities.data && (
        <Attention readiness={readiness.data} authorities={authorities.data.authorities} waiting={waiting} />
      )}
      {days && (
        <Suspense fallback={null}>
          <History days={days} />
        </Suspense>
      )}
      {authorities.data && (
        <Card title="Authorities">
          <AuthorityTree authorities={authorities.data.authorities} />
        </Card>
      )}
      {authorities.data && readiness.data && (
        <Freshness authorities={authorities.data.authorities} readiness={readiness.data} />
      )}
    </Page>
  )
}

function sum(
  days: DayCounts['days'] | undefined,
  kind: 'issued' | 'revoked' | 'expiring',
): string | undefined {
  return days && number(days.reduce((total, day) => total + day[kind], 0))
}

function Tile({ value = '…', label, to }: { value: string | undefined; label: string; to?: string }) {
  return (
    <div class="card tile">
      <strong>{value}</strong>
      {to === undefined ? <span class="quiet">{label}</span> : <a href={to}>{label}</a>}
    </div>
  )
}
