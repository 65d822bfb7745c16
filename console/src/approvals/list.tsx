import { call, query } from '../api/client.ts'
import type { ApprovalRequest } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Select } from '../parts/form.tsx'
import { Empty, Page, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table, usePages } from '../parts/table.tsx'
import { Ago, NameCell, Principal, State } from '../parts/text.tsx'
import { replaceRoute, routeTo, useRoute } from '../route.ts'

const COLUMNS: readonly Column<ApprovalRequest>[] = [
  { title: 'Request', show: ({ id }) => <a href={routeTo(`approvals/${id}`)}>No. {id}</a> },
  { title: 'Names', show: ({ names, subject }) => <NameCell names={names} subject={subject} /> },
  { title: 'State', show: ({ state }) => <State state={state} /> },
  { title: 'Profile', show: ({ profile }) => profile },
  { title: 'Asked for by', show: ({ requestedBy }) => <Principal id={requestedBy} /> },
  { title: 'Made', show: ({ createdAt }) => <Ago at={createdAt} /> },
  { title: 'Lapses', show: ({ expiresAt }) => <Ago at={expiresAt} /> },
]

const STATES = [
  ['pending', 'Waiting'],
  ['approved', 'Approved'],
  ['refused', 'Refused'],
  ['expired', 'Expired'],
  ['any', 'Any'],
] as const

export function Approvals() {
  const { query: given } = useRoute()
  const state = given.state ?? 'pending'
  const pages = usePages(state)
  const { data, problem, isLoading } = useLoad(`${state} ${pages.after}`, (signal) =>
    call<{ requests: ApprovalRequest[]; next: string | null }>(
      `v1/requests${query({ state: state === 'any' ? '' : state, limit: 25, after: pages.after })}`,
      { signal },
    ),
  )
  const choose = (wanted: string) => {
    pages.restart()
    replaceRoute(routeTo('approvals', { state: wanted }))
  }
  return (
    <Page title="Approvals">
      <section class="card" aria-label="Requests" aria-busy={isLoading}>
        <div class="filters">
          <Select label="Show" value={state} onChange={choose} options={STATES} />
        </div>
        <ProblemNote problem={problem} />
        {data && data.requests.length > 0 ? (
          <Table
            caption="Requests for approval"
            columns={COLUMNS}
            rows={data.requests}
            keyOf={({ id }) => id}
          />
        ) : (
          <Empty isLoading={isLoading}>
            {state === 'pending' ? 'No request waits for approval.' : 'There is no such request.'}
          </Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
    </Page>
  )
}
