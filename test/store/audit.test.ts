import { describe, expect, test } from 'vitest'
import type { AuditFilter } from '../../src/store/queries.ts'
import type { Store } from '../../src/store/store.ts'
import { audit } from './records.ts'
import { temporaryStore } from './temporary.ts'

/** Written in an order that is not that of time, as happens when requests overlap. */
const ENTRIES = [
  { ...audit('token.create', '7', 1000), actor: 'admin:a' },
  { ...audit('certificate.issue', '40ab', 3000), actor: 'token:7' },
  { ...audit('certificate.refuse', '', 2000), actor: 'token:7', result: 'refused' as const },
  { ...audit('certificate.issue', '40cd', 4000), actor: 'admin:a' },
  { ...audit('authority.create', 'issuing', 3000), actor: 'admin:b' },
]

async function auditedStore(): Promise<Store> {
  const store = await temporaryStore()
  for (const entry of ENTRIES) await store.write('audit', entry)
  return store
}

async function times(store: Store, filter: AuditFilter, limit = 2): Promise<number[]> {
  const found: number[] = []
  let after: string | null = null
  do {
    const page = await store.read.listAudit(filter, after === null ? { limit } : { limit, after })
    found.push(...page.rows.map(({ at }) => at))
    after = page.next
  } while (after !== null)
  return found
}

describe('the audit log', () => {
  test('keeps every fact', async () => {
    const store = await auditedStore()
    const { rows } = await store.read.listAudit({ action: 'certificate.refuse' }, { limit: 9 })
    expect(rows).toEqual([{ id: expect.any(Number), ...ENTRIES[2] }])
  })

  test('is read newest first and by every part of the filter', async () => {
    const store = await auditedStore()
    expect((await times(store, {})).slice(0, 5)).toEqual([3000, 4000, 2000, 3000, 1000])
    expect(await times(store, { actor: 'token:7' })).toEqual([2000, 3000])
    expect(await times(store, { action: 'certificate.issue' })).toEqual([4000, 3000])
    expect(await times(store, { target: '40cd' })).toEqual([4000])
    expect(await times(store, { target: '' })).toEqual([2000])
    expect(await times(store, { actor: 'admin:a', from: 2000 })).toEqual([4000])
    expect(await times(store, { action: 'absent' })).toEqual([])
  })

  test('gives a period in the order of time, both ends included', async () => {
    const store = await auditedStore()
    for (const limit of [1, 2, 10]) {
      expect(await times(store, { from: 2000, to: 4000 }, limit)).toEqual([4000, 3000, 3000, 2000])
    }
  })

  test('refuses a cursor of another listing', async () => {
    const store = await auditedStore()
    const { next } = await store.read.listAudit({}, { limit: 1 })
    await expect(store.read.listAudit({ from: 0 }, { limit: 1, after: next! })).rejects.toMatchObject({
      code: 'malformedRequest',
    })
  })
})
