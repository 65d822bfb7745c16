import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** Rows of docs/conformance.md whose last cell names tests: `file` "words of a title", "others"; `file` … */
const rows = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\|.*\| `[^|]*" \|$/.test(line))
  .map((line) => ({ row: line.slice(2, 70), proof: line.split(' | ').at(-1)! }))

test.each(rows)('$row… is proven by tests that there are', ({ proof }) => {
  const named = [...proof.matchAll(/`([^`]+)` ((?:"(?:[^"\\]|\\.)+"(?:, )?)+)/g)]
  expect(named).not.toEqual([])
  for (const [, file, titles] of named) {
    const path = file!.includes('/') ? `../../${file}.test.ts` : `../api/acme/${file}.test.ts`
    const absolute = join(import.meta.dirname, path)
    expect(existsSync(absolute), path).toBe(true)
    const text = readFileSync(absolute, 'utf8')
    for (const title of JSON.parse(`[${titles!.replace(/, $/, '')}]`)) expect(text).toContain(title)
  }
})

test('there are such rows', () => {
  expect(rows.length).toBeGreaterThan(40)
})
