import { expect, test } from 'vitest'
import { allPages } from '../../src/cli/pages.ts'
import type { Client, ClientRequest } from '../../src/client/client.ts'

/** A service whose pages have so many rows each, though more may be asked for. */
function serviceOf(...pages: number[]) {
  const asked: unknown[] = []
  const client = {
    async json(_method: string, _path: string, { query }: ClientRequest) {
      asked.push(query?.limit)
      const at = Number(query?.after ?? 0)
      const rows = Array.from({ length: pages[at]! }, (_, n) => `${at}.${n}`)
      return { rows, next: at + 1 < pages.length ? String(at + 1) : null }
    },
  } as unknown as Client
  const list = (limit: number, all = false) =>
    allPages<'rows', string>(client, '/v1/certificates', 'rows', {}, { limit, all })
  return { list, asked }
}

test('pages that are short or empty are passed until there are as many rows as were asked for', async () => {
  const { list, asked } = serviceOf(0, 2, 0, 1, 5)
  expect(await list(3)).toEqual({ rows: ['1.0', '1.1', '3.0'], next: '4' })
  expect(asked).toEqual([3, 3, 1, 1])
})

test('a search that has fewer rows goes on to its end', async () => {
  expect(await serviceOf(0, 2, 0).list(3)).toEqual({ rows: ['1.0', '1.1'], next: null })
  expect(await serviceOf(0, 0).list(3)).toEqual({ rows: [], next: null })
})

test('all rows are those of all pages, also beyond empty ones', async () => {
  const { list, asked } = serviceOf(1, 0, 2, 0)
  expect(await list(2, true)).toEqual({ rows: ['0.0', '2.0', '2.1'], next: null })
  expect(asked).toEqual([2, 2, 2, 2])
})

test('more rows than the service gives at once are several pages', async () => {
  const { list, asked } = serviceOf(1000, 1000, 500, 1)
  expect((await list(2500)).rows).toHaveLength(2500)
  expect(asked).toEqual([1000, 1000, 500])
})
