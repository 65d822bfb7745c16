import { type Command, InvalidArgumentError } from 'commander'
import type { Client, Query } from '../client/client.ts'
import { table } from './layout.ts'

export interface PageOptions {
  readonly limit: number
  readonly all?: boolean
}

export type Paged<Key extends string, Row> = { readonly [K in Key]: readonly Row[] } & {
  readonly next: string | null
}

/** Rows that the service gives at once. */
const MOST = 1000

export function pageOptions(command: Command): Command {
  return command
    .option('--limit <number>', 'the most rows to ask for at once', wholeNumber, 100)
    .option('--all', 'every row, page after page')
}

/**
 * So many rows as were asked for, or with --all every row, under the key that the API uses. A page may be short or empty while
 * there are more: the service looks at so many certificates for each, and goes on where `next` says.
 */
export async function allPages<Key extends string, Row>(
  client: Client,
  path: string,
  key: Key,
  query: Query,
  { limit, all }: PageOptions,
): Promise<Paged<Key, Row>> {
  const rows: Row[] = []
  let next: string | null = null
  do {
    const page: Paged<Key, Row> = await client.json('GET', path, {
      query: { ...query, limit: Math.min(all ? limit : limit - rows.length, MOST), after: next ?? undefined },
    })
    for (const row of page[key]) rows.push(row)
    next = page.next ?? null
  } while (next !== null && (all || rows.length < limit))
  return { [key]: rows, next } as Paged<Key, Row>
}

/** A table for people, which says where it does not show all. */
export function pageTable(
  { next }: { readonly next: string | null },
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  remedy = '--all shows them, --limit more of them',
): string {
  return table(headings, rows) + (next === null ? '' : `There are more: ${remedy}.\n`)
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 99999; --all shows every row.')
  }
  return Number(text)
}
