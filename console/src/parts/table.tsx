import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'

export interface Column<Row> {
  readonly title: string
  readonly show: (row: Row) => ComponentChildren
  /** Numbers stand at the right. */
  readonly isNumber?: boolean
}

interface TableProps<Row> {
  /** What the table holds, for readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
}

/** On a narrow screen each row is a card, its cells under their titles. The roles stay what they are there. */
export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    // biome-ignore-start lint/a11y/noRedundantRoles: style sheets that make cards of rows take their roles away
    <table role="table" class="rows">
      <caption class="for-readers">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ title, isNumber }) => (
            <th key={title} scope="col" role="columnheader" class={isNumber ? 'number' : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={keyOf(row)} role="row">
            {columns.map(({ title, show, isNumber }) => (
              <td key={title} role="cell" data-title={title} class={isNumber ? 'number' : undefined}>
                <div>{show(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
    // biome-ignore-end lint/a11y/noRedundantRoles: see above
  )
}

export interface Pages {
  /** Of the page that is shown; undefined for the first. */
  readonly after: string | undefined
  readonly number: number
  readonly forward: (next: string) => void
  readonly back: () => void
  readonly restart: () => void
}

/**
 * Pages by their cursors: those before are remembered, since the service knows only the way forward. `list` says of what: another
 * one begins at its first page.
 */
export function usePages(list = ''): Pages {
  const [place, setPlace] = useState<{ readonly list: string; readonly cursors: readonly string[] }>()
  const cursors = place?.list === list ? place.cursors : []
  const go = (to: readonly string[]) => setPlace({ list, cursors: to })
  return {
    after: cursors.at(-1),
    number: cursors.length + 1,
    // A second click finds the page of before still there, and with it the cursor of the page that is on its way.
    forward: (next) => next !== cursors.at(-1) && go([...cursors, next]),
    back: () => go(cursors.slice(0, -1)),
    restart: () => go([]),
  }
}

export function Pager({ pages, next }: { pages: Pages; next: string | null | undefined }) {
  if (pages.number === 1 && !next) return null
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={pages.number === 1} onClick={pages.back}>
        Previous
      </button>
      <span>Page {pages.number}</span>
      <button type="button" disabled={!next} onClick={() => next && pages.forward(next)}>
        Next
      </button>
    </nav>
  )
}
