import { expect, test } from 'vitest'
import { Authorities } from '../../src/ca/authorities.ts'
import type { AuthorityRow } from '../../src/store/queries.ts'
import type { Store } from '../../src/store/store.ts'
import { makeRoot, NOT_BEFORE, newKeyPair } from '../pki/certificate/sample.ts'

const CLOCK = () => new Date((NOT_BEFORE + 86_400) * 1000)

test('of two readings at once, the one that began before a change has not the last word', async () => {
  const row = {
    ...{ id: 'root', role: 'root', state: 'active', isDefault: false, certificate: makeRoot(newKeyPair()) },
    ...{ chain: [], csr: null, keyFile: null, hash: null, replaces: null },
    ...{ createdAt: NOT_BEFORE, publishedAt: NOT_BEFORE, changedAt: null },
  } as unknown as AuthorityRow
  let state: AuthorityRow['state'] = 'active'
  const slow = Promise.withResolvers<number | null>()
  const read = {
    authorities: async () => [{ ...row, state }],
    crossCertificates: async () => [],
    lastExpiry: () => slow.promise,
  }
  const authorities = new Authorities({ read } as unknown as Store, '/nowhere', '', {
    rootFor: () => undefined,
    clock: CLOCK,
  })
  await authorities.reload()
  state = 'retired'
  const first = authorities.reload()
  await Promise.resolve()
  await Promise.resolve()
  state = 'active'
  const second = authorities.reload()
  // What the second one reads at once is there before the first one is done, unless it waits.
  await new Promise((resolve) => setImmediate(resolve))
  slow.resolve(null)
  await Promise.all([first, second])
  expect(authorities.get('root')!.state).toBe('active')
})
