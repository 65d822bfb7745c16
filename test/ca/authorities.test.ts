import { expect, test } from 'vitest'
import { Authorities, LAST_ANSWERS } from '../../src/ca/authorities.ts'
import type { AuthorityRow } from '../../src/store/queries.ts'
import type { Store } from '../../src/store/store.ts'
import { makeRoot, NOT_BEFORE, newKeyPair } from '../pki/certificate/sample.ts'

const CLOCK = () => new Date((NOT_BEFORE + 86_400) * 1000)

const row = {
  ...{ id: 'root', role: 'root', state: 'active', isDefault: false, certificate: makeRoot(newKeyPair()) },
  ...{ chain: [], csr: null, keyFile: null, hash: null, replaces: null },
  ...{ createdAt: NOT_BEFORE, publishedAt: NOT_BEFORE, changedAt: null },
} as unknown as AuthorityRow

test('of two readings at once, the one that began before a change has not the last word', async () => {
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

test('what was recorded while a retirement was being read counts for its end', async () => {
  const expiry = Promise.withResolvers<number | null>()
  const asked = Promise.withResolvers<void>()
  const read = {
    authorities: async () => [{ ...row, id: 'issuing', role: 'issuing', state: 'retired' }],
    crossCertificates: async () => [],
    lastExpiry: () => {
      asked.resolve()
      return expiry.promise
    },
  }
  const authorities = new Authorities({ read } as unknown as Store, '/nowhere', '', {
    rootFor: () => undefined,
    clock: CLOCK,
  })
  const reading = authorities.reload()
  await asked.promise
  const [before, notAfter] = [NOT_BEFORE + 2 * 86_400, NOT_BEFORE + 9 * 86_400]
  authorities.recorded('issuing', { profile: 'server', notAfter })
  expiry.resolve(before)
  await reading
  expect(authorities.get('issuing')!.answersUntil).toBe(notAfter + LAST_ANSWERS)
})
