import { useState } from 'preact/hooks'
import { call, query } from '../api/client.ts'
import type { AcmeOrder } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Empty, Note, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table, usePages } from '../parts/table.tsx'
import { Ago, NameCell, Serial, State } from '../parts/text.tsx'
import { routeTo, useRoute } from '../route.ts'
import { OrderDialog } from './order.tsx'
import { AcmePage } from './tabs.tsx'

export function AcmeOrders() {
  const { account = '' } = useRoute().query
  const [shown, setShown] = useState<number>()
  const pages = usePages(account)
  const { data, problem, isLoading } = useLoad(`${account} ${pages.after}`, (signal) =>
    call<{ orders: AcmeOrder[]; next: string | null }>(
      `v1/acme/orders${query({ account, limit: 25, after: pages.after })}`,
      { signal },
    ),
  )
  const columns: readonly Column<AcmeOrder>[] = [
    {
      title: 'Order',
      show: ({ id }) => (
        <button type="button" class="small" aria-label={`Order No. ${id}`} onClick={() => setShown(id)}>
          No. {id}
        </button>
      ),
    },
    { title: 'Names', show: ({ names }) => <NameCell names={names} /> },
    { title: 'State', show: ({ status }) => <State state={status} /> },
    { title: 'Profile', show: ({ profile }) => profile },
    { title: 'Account', show: ({ account: id }) => `No. ${id}` },
    { title: 'Made', show: ({ createdAt }) => <Ago at={createdAt} /> },
    {
      title: 'Certificate',
      show: ({ certificate }) => (certificate ? <Serial serial={certificate} /> : '–'),
    },
  ]
  return (
    <AcmePage tab="orders">
      {account && (
        <Note>
          Those of account no. {account} alone. <a href={routeTo('acme/orders')}>Show all</a>
        </Note>
      )}
      <ProblemNote problem={problem} />
      <section class="card" aria-label="Orders" aria-busy={isLoading}>
        {data && data.orders.length > 0 ? (
          <Table caption="ACME orders" columns={columns} rows={data.orders} keyOf={({ id }) => id} />
        ) : (
          <Empty isLoading={isLoading}>There is no ACME order.</Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
      {shown !== undefined && <OrderDialog id={shown} onClose={() => setShown(undefined)} />}
    </AcmePage>
  )
}
