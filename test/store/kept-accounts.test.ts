import { expect, test } from 'vitest'
import type { AcmeAccountRow } from '../../src/store/acme-queries.ts'
import { keepAccounts } from '../../src/store/kept-accounts.ts'
import type { Store } from '../../src/store/store.ts'

/** A store whose one account has the status that it is given; what is written succeeds when told to, or fails. */
function storeOf() {
  const state = { status: 'valid' as AcmeAccountRow['status'], reads: 0 }
  const settled: PromiseWithResolvers<never>[] = []
  const read = async (accountId: number) => {
    state.reads++
    return accountId === 7 ? ({ accountId, status: state.status } as AcmeAccountRow) : null
  }
  const write = () => {
    const one = Promise.withResolvers<never>()
    settled.push(one)
    return one.promise
  }
  const kept = keepAccounts({ read: { acmeAccount: read }, write: write as unknown as Store['write'] })
  const statusOf = async (accountId = 7) => (await kept.acmeAccount(accountId))?.status
  return { state, settled, statusOf, write: kept.write, forget: kept.forget }
}

const deactivation = { accountId: 7, status: 'deactivated', audit: null } as const

test('an account is read once, and one that is not there each time', async () => {
  const { state, statusOf } = storeOf()
  expect([await statusOf(), await statusOf()]).toEqual(['valid', 'valid'])
  expect(state.reads).toBe(1)
  expect([await statusOf(8), await statusOf(8)]).toEqual([undefined, undefined])
  expect(state.reads).toBe(3)
})

test.each(['resolve', 'reject'] as const)(
  'whoever hears of a change finds it, also where it is in doubt (%s)',
  async (how) => {
    const { state, settled, statusOf, write } = storeOf()
    await statusOf()
    const changed = write('updateAcmeAccount', deactivation).catch(() => {})
    state.status = 'deactivated'
    settled[0]![how]({} as never)
    await changed
    expect(await statusOf()).toBe('deactivated')
  },
)

test('what was read before a change is not remembered after it', async () => {
  const { state, settled, statusOf, write } = storeOf()
  const changed = write('updateAcmeAccount', deactivation)
  settled[0]!.resolve({} as never)
  const early = statusOf()
  state.status = 'deactivated'
  await Promise.all([changed, early])
  expect(await statusOf()).toBe('deactivated')
})

test('a change that takes effect after its caller heard of doubt is found once writes are taken again', async () => {
  const { state, settled, statusOf, write, forget } = storeOf()
  const changed = write('updateAcmeAccount', deactivation).catch(() => {})
  settled[0]!.reject({} as never)
  await changed
  expect(await statusOf()).toBe('valid')
  state.status = 'deactivated'
  forget()
  expect(await statusOf()).toBe('deactivated')
})
