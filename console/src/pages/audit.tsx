import { call, query } from '../api/client.ts'
import type { AuditEntry } from '../api/types.ts'
import { useFilter } from '../filter.ts'
import { useLoad } from '../load.ts'
import { dayField, Input } from '../parts/form.tsx'
import { Empty, Page, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table } from '../parts/table.tsx'
import { At, Principal, Serial, State } from '../parts/text.tsx'

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: 'Time', show: ({ at }) => <At at={at} /> },
  { title: 'Who', show: ({ actor }) => <Principal id={actor} /> },
  { title: 'Action', show: ({ action }) => action },
  {
    title: 'To what',
    show: ({ target, action }) =>
      action.startsWith('certificate.') && /^[0-9a-f]{16,40}$/.test(target) ? (
        <Serial serial={target} />
      ) : (
        <span class="break">{target || '–'}</span>
      ),
  },
  { title: 'Result', show: ({ result }) => <State state={result} /> },
  { title: 'From', show: ({ address }) => address || '–' },
  {
    title: 'More',
    show: ({ id, requestId, detail }) => <More id={id} requestId={requestId} detail={detail} />,
  },
]

function More({ id, requestId, detail }: Pick<AuditEntry, 'id' | 'requestId' | 'detail'>) {
  return (
    <details>
      <summary aria-label={`Show more about entry ${id}`}>Show</summary>
      <div class="mono break">
        {Object.entries(detail).map(([key, value]) => (
          <div key={key}>
            {key}: {typeof value === 'string' ? value : JSON.stringify(value)}
          </div>
        ))}
        {requestId && <div>request: {requestId}</div>}
      </div>
    </details>
  )
}

export function Audit() {
  const { filter, setFilter, query: given, pages } = useFilter('audit')
  const { data, problem, isLoading } = useLoad(JSON.stringify([given, pages.after]), (signal) =>
    call<{ entries: AuditEntry[]; next: string | null }>(
      `v1/audit${query({ ...given, limit: 25, after: pages.after })}`,
      { signal },
    ),
  )
  const field = (key: string) => ({
    value: filter[key] ?? '',
    onChange: (value: string) => setFilter({ ...filter, [key]: value }),
  })
  const day = (key: string, isEnd: boolean) =>
    dayField(filter[key], (value) => setFilter({ ...filter, [key]: value }), isEnd)
  return (
    <Page title="Audit log">
      <search class="card filters">
        <Input label="Who" placeholder="admin:default" {...field('actor')} />
        <Input label="Action" placeholder="certificate.revoke" {...field('action')} />
        <Input label="To what" placeholder="a serial number" {...field('target')} />
        <Input label="From" {...day('from', false)} />
        <Input label="Until" {...day('to', true)} />
      </search>
      <ProblemNote problem={problem} />
      <section class="card" aria-label="Entries" aria-busy={isLoading}>
        {data && data.entries.length > 0 ? (
          <Table caption="Audit log" columns={COLUMNS} rows={data.entries} keyOf={({ id }) => id} />
        ) : (
          <Empty isLoading={isLoading}>
            {data?.next ? 'None so far: the search goes on with the next page.' : 'No entry matches.'}
          </Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
    </Page>
  )
}
