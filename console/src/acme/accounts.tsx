import { call, query } from '../api/client.ts'
import type { AcmeAccount } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Empty, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table, usePages } from '../parts/table.tsx'
import { Ago, State } from '../parts/text.tsx'
import { routeTo } from '../route.ts'
import { useMay } from '../session.ts'
import { AcmePage } from './tabs.tsx'

const COLUMNS: readonly Column<AcmeAccount>[] = [
  { title: 'Account', show: ({ id }) => `No. ${id}` },
  { title: 'State', show: ({ status }) => <State state={status} /> },
  { title: 'Contacts', show: ({ contacts }) => <span class="break">{contacts.join(', ') || '–'}</span> },
  {
    title: 'Bound with',
    show: ({ externalKey }) => <span class="mono break">{externalKey?.kid ?? '–'}</span>,
  },
  { title: 'Made', show: ({ createdAt }) => <Ago at={createdAt} /> },
  { title: 'From', show: ({ createdFrom }) => createdFrom },
  {
    title: 'Orders',
    show: ({ id }) => <a href={routeTo('acme/orders', { account: String(id) })}>Its orders</a>,
  },
]

export function AcmeAccounts() {
  const mayEnd = useMay('operator')
  const pages = usePages()
  const { data, problem, isLoading, reload } = useLoad(String(pages.after), (signal) =>
    call<{ accounts: AcmeAccount[]; next: string | null }>(
      `v1/acme/accounts${query({ limit: 25, after: pages.after })}`,
      { signal },
    ),
  )
  const ending: Column<AcmeAccount> = {
    title: 'Change',
    show: ({ id, status }) =>
      status === 'valid' && (
        <Confirm
          label={`End account ${id}`}
          text="For good: its open orders end, and its key opens no other account. Its certificates stay."
          act={() => call(`v1/acme/accounts/${id}/deactivate`, { method: 'POST' })}
          onDone={reload}
        />
      ),
  }
  return (
    <AcmePage tab="accounts">
      <ProblemNote problem={problem} />
      <section class="card" aria-label="Accounts" aria-busy={isLoading}>
        {data && data.accounts.length > 0 ? (
          <Table
            caption="ACME accounts"
            columns={mayEnd ? [...COLUMNS, ending] : COLUMNS}
            rows={data.accounts}
            keyOf={({ id }) => id}
          />
        ) : (
          <Empty isLoading={isLoading}>There is no ACME account yet.</Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
    </AcmePage>
  )
}
