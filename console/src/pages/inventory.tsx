import { useState } from 'preact/hooks'
import type { CertificateSummary } from '../api/types.ts'
import { useFilter } from '../filter.ts'
import { date } from '../format.ts'
import { useLoad } from '../load.ts'
import { Card, Empty, Page, ProblemNote } from '../parts/page.tsx'
import { type Column, Pager, Table } from '../parts/table.tsx'
import { Ago, NameCell, Principal, Serial, State } from '../parts/text.tsx'
import { routeTo } from '../route.ts'
import { useMay } from '../session.ts'
import { BulkRevocation } from './bulk-revocation.tsx'
import { findCertificates } from './find-certificates.ts'
import { InventoryFilters } from './inventory-filters.tsx'

const COLUMNS: readonly Column<CertificateSummary>[] = [
  {
    title: 'Name',
    show: ({ serialNumber, names, subject }) => (
      <a href={routeTo(`certificates/${serialNumber}`)}>
        <NameCell names={names} subject={subject} />
      </a>
    ),
  },
  { title: 'State', show: ({ state }) => <State state={state} /> },
  {
    title: 'Profile',
    show: ({ profile, authority }) => (
      <div class="middling">
        {profile}
        <div class="quiet">{authority}</div>
      </div>
    ),
  },
  { title: 'Issued', show: ({ issuedAt }) => <Ago at={issuedAt} /> },
  { title: 'Expires', show: ({ notAfter }) => <time dateTime={notAfter}>{date(notAfter)}</time> },
  { title: 'Asked for by', show: ({ principal }) => <Principal id={principal} /> },
  { title: 'Serial', show: ({ serialNumber }) => <Serial serial={serialNumber} /> },
]

export function Inventory() {
  const { filter, setFilter, query, pages } = useFilter('certificates')
  const [isRevoking, setRevoking] = useState(false)
  const mayRevoke = useMay('operator')
  const { data, problem, isLoading, reload } = useLoad(JSON.stringify([query, pages.after]), (signal) =>
    findCertificates(query, pages.after, signal),
  )
  return (
    <Page
      title="Certificates"
      actions={
        mayRevoke && (
          <button type="button" class="danger" onClick={() => setRevoking(true)}>
            Revoke many …
          </button>
        )
      }
    >
      <Card title="Find">
        <InventoryFilters filter={filter} onChange={setFilter} />
      </Card>
      <ProblemNote problem={problem} />
      <section class="card" aria-label="Found" aria-busy={isLoading}>
        {data && data.certificates.length > 0 ? (
          <Table
            caption="Certificates"
            columns={COLUMNS}
            rows={data.certificates}
            keyOf={({ serialNumber }) => serialNumber}
          />
        ) : (
          <Empty isLoading={isLoading}>
            {data?.next ? 'None so far: the search goes on with the next page.' : 'No certificate matches.'}
          </Empty>
        )}
        <Pager pages={pages} next={data?.next} />
      </section>
      {isRevoking && (
        <BulkRevocation
          filter={query}
          onClose={() => setRevoking(false)}
          onRevoked={() => {
            pages.restart()
            reload()
          }}
        />
      )}
    </Page>
  )
}
