import type { Authority, Check, Readiness } from '../api/types.ts'
import { number } from '../format.ts'
import { Card, Empty } from '../parts/page.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Ago, LifeBar, State } from '../parts/text.tsx'

type WithCrl = Authority & { crl: NonNullable<Authority['crl']> }

/** Of one that is retired and answers no more nobody makes, or needs, the next. */
export function hasDueCrl(one: Authority): one is WithCrl {
  const { state, crl, answersUntil } = one
  return crl !== null && !(state === 'retired' && Date.parse(answersUntil ?? '') <= Date.now())
}

const CRLS: readonly Column<WithCrl>[] = [
  { title: 'Authority', show: ({ id }) => id },
  { title: 'Number', show: ({ crl }) => crl.number },
  { title: 'Entries', show: ({ crl }) => number(crl.entries), isNumber: true },
  { title: 'Made', show: ({ crl }) => <Ago at={crl.thisUpdate} /> },
  { title: 'Next due', show: ({ crl }) => <Ago at={crl.nextUpdate} /> },
  {
    title: 'Age',
    show: ({ id, crl }) => (
      <LifeBar from={crl.thisUpdate} to={crl.nextUpdate} label={`Age of the CRL of ${id}`} />
    ),
  },
]

const CHECKS: readonly Column<Check>[] = [
  { title: 'Part', show: ({ name }) => name },
  {
    title: 'State',
    show: ({ ok, reason }) => <State state={ok ? (reason === null ? 'ok' : 'attention') : 'failed'} />,
  },
  { title: 'Lapses', show: ({ until }) => (until ? <Ago at={until} /> : <span class="quiet">never</span>) },
]

export function Freshness({
  authorities,
  readiness,
}: {
  authorities: readonly Authority[]
  readiness: Readiness
}) {
  const withCrl = authorities.filter(hasDueCrl)
  return (
    <>
      <Card title="CRLs">
        {withCrl.length > 0 ? (
          <Table caption="CRLs" columns={CRLS} rows={withCrl} keyOf={({ id }) => id} />
        ) : (
          <Empty isLoading={false}>No authority has a CRL yet.</Empty>
        )}
      </Card>
      <Card title="OCSP and the other parts">
        <Table
          caption="Parts of the service"
          columns={CHECKS}
          rows={readiness.checks}
          keyOf={({ name }) => name}
        />
      </Card>
    </>
  )
}
