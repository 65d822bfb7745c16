import { useMemo } from 'preact/hooks'
import type { DayCounts } from '../api/types.ts'
import { Card } from '../parts/page.tsx'
import { DayPlot, type Series } from '../parts/plot.tsx'

type Day = DayCounts['days'][number]

/** The days before today and those ahead: of an odd number, today stands in the middle. */
export default function HistoryPlots({ days }: { days: readonly Day[] }) {
  const middle = (days.length - 1) / 2
  const [past, future] = useMemo(() => [days.slice(0, middle + 1), days.slice(middle)], [days, middle])
  const done = useMemo(
    () => [series('Issued', '--accent', past, 'issued'), series('Revoked', '--bad', past, 'revoked')],
    [past],
  )
  const ahead = useMemo(() => [series('Ending', '--warn', future, 'expiring')], [future])
  const [pastDays, futureDays] = useMemo(() => [past.map(dayOf), future.map(dayOf)], [past, future])
  return (
    <div class="grid">
      <Card title="Issued and revoked">
        <DayPlot title="Certificates issued and revoked by day" days={pastDays} series={done} />
      </Card>
      <Card title="Ending">
        <DayPlot title="Certificates that end, by day" days={futureDays} series={ahead} />
      </Card>
    </div>
  )
}

function dayOf({ day }: Day): string {
  return day
}

function series(
  title: string,
  colour: string,
  days: readonly Day[],
  kind: 'issued' | 'revoked' | 'expiring',
): Series {
  return { title, colour, values: days.map((day) => day[kind]) }
}
