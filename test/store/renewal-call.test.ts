import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { audit, DAY, issuance, NOW } from './records.ts'
import { temporaryStore } from './temporary.ts'

test('a call concerns what an authority has issued until then and what still lives, whose rows are not looked at', async () => {
  const store = await temporaryStore()
  const issued = [{}, {}, { notAfter: NOW - 1 }, { issuedAt: (NOW + DAY) * 1000 }]
  for (const [n, changes] of issued.entries()) await store.write('recordIssuance', issuance(n, changes))
  const call = await store.write('callForRenewal', {
    ...{ which: { authority: 'issuing' }, issuedUntil: (NOW + 60) * 1000 },
    ...{ startsAt: NOW, endsAt: NOW + 60, explanationUrl: null, audit: audit('renewal.call', 'issuing') },
  })
  expect(call).toEqual({ certificates: 2 })
  const db = new Database(store.databaseFile, { readonly: true })
  const plan = db
    .prepare<[], { detail: string }>(
      `EXPLAIN QUERY PLAN SELECT count(*) FROM certificates INDEXED BY certificates_authority_expiry
       WHERE authority = 1 AND not_after >= +2`,
    )
    .all()
  expect(plan).toMatchObject([{ detail: expect.stringContaining('USING COVERING INDEX') }])
  db.close()
  await store.close()
})
