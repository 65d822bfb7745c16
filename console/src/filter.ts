import { useEffect, useRef, useState } from 'preact/hooks'
import { type Pages, usePages } from './parts/table.tsx'
import { replaceRoute, routeTo, useRoute } from './route.ts'

export type Filter = Readonly<Record<string, string>>

export interface Filtering {
  /** As it is in the fields. */
  readonly filter: Filter
  readonly setFilter: (filter: Filter) => void
  /** As it is in the address, which follows the fields after a pause: what to search for. */
  readonly query: Filter
  readonly pages: Pages
}

/** Milliseconds without a key before the search begins. */
const PAUSE = 200

/** A list's filter, kept in the address: so that it can be passed on, and stays where one comes back. */
export function useFilter(path: string): Filtering {
  const { query } = useRoute()
  const [filter, setFilter] = useState<Filter>(query)
  const pages = usePages()
  const written = useRef(routeTo(path, query))
  useEffect(() => {
    const wanted = routeTo(path, filter)
    const timer = setTimeout(() => {
      if (wanted === written.current) return
      written.current = wanted
      pages.restart()
      replaceRoute(wanted)
    }, PAUSE)
    return () => clearTimeout(timer)
  }, [filter])
  // Somebody followed a link to the same list.
  const here = routeTo(path, query)
  useEffect(() => {
    if (here === written.current) return
    written.current = here
    pages.restart()
    setFilter(query)
  }, [here])
  return { filter, setFilter, query, pages }
}
