import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { number } from '../format.ts'

export interface Series {
  readonly title: string
  /** A colour by the name of its variable: "--accent". */
  readonly colour: string
  readonly values: readonly number[]
}

interface PlotProps {
  /** What the plot shows, and what its table is called. */
  readonly title: string
  /** As 2026-11-27. */
  readonly days: readonly string[]
  readonly series: readonly Series[]
}

const HEIGHT = 190

/** Seconds. */
const DAY = 86_400

/** Bars by day; the same figures stand in a table, for who cannot see them or wants them exactly. */
export function DayPlot({ title, days, series }: PlotProps) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = place.current
    if (!element) return
    let plot: uPlot | undefined
    const draw = () => {
      plot?.destroy()
      plot = drawIn(element, days, series)
    }
    // A canvas has its colours and its size from when it was drawn.
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', draw)
    const size = new ResizeObserver(([entry]) =>
      plot?.setSize({ width: entry!.contentRect.width, height: HEIGHT }),
    )
    draw()
    size.observe(element)
    return () => {
      scheme.removeEventListener('change', draw)
      size.disconnect()
      plot?.destroy()
    }
  }, [days, series])
  const totals = series.map(({ title: name, values }) => `${name}: ${number(sumOf(values))}`)
  return (
    <>
      <div class="plot" ref={place} role="img" aria-label={`${title}. ${totals.join(', ')} in all.`} />
      <details>
        <summary>As a table</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must scroll by keyboard */}
        <section class="scroll" tabIndex={0} aria-label={title}>
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Day</th>
                {series.map(({ title: name }) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {days.map((day, index) => (
                <tr key={day}>
                  <td>{day}</td>
                  {series.map(({ title: name, values }) => (
                    <td key={name} class="number">
                      {number(values[index]!)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </>
  )
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function drawIn(element: HTMLElement, days: readonly string[], series: readonly Series[]): uPlot {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name)
  const axis = {
    stroke: colour('--quiet'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  // Side by side, so that no bar hides another.
  const bars = (index: number) =>
    uPlot.paths.bars!({
      size: [0.7 / series.length, 40],
      align: series.length === 1 ? 0 : index === 0 ? -1 : 1,
    })
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { range: (_plot, min, max) => [min - DAY / 2, max + DAY / 2] },
        y: { range: (_plot, _min, max) => [0, Math.max(max, 4) * 1.1] },
      },
      axes: [
        { ...axis, grid: { show: false }, values: '{D} {MMM}', space: 56, size: 28 },
        {
          ...axis,
          size: 44,
          space: 30,
          incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5],
        },
      ],
      series: [
        {
          label: 'Day',
          value: (_plot, at) =>
            at === null ? `all ${days.length}` : new Date(at * 1000).toISOString().slice(0, 10),
        },
        ...series.map(({ title, colour: name, values }, index) => ({
          label: title,
          width: 0,
          value: (_plot: uPlot, count: number | null) => number(count ?? sumOf(values)),
          stroke: colour(name),
          fill: colour(name),
          paths: bars(index),
          points: { show: false },
        })),
      ],
    },
    [days.map((day) => Date.parse(day) / 1000), ...series.map(({ values }) => [...values])],
    element,
  )
}
