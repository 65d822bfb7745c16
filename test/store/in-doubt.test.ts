import { expect, onTestFinished, test, vi } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../eventually.ts'
import { hanging } from './hung-writer.ts'
import { audit } from './records.ts'
import { temporaryDatabase } from './temporary.ts'

vi.mock('../../src/store/threads.ts', async (original) => {
  const { hangingThreads } = await import('./hung-writer.ts')
  return hangingThreads(await original())
})

/** With the timers faked: no answer comes for so long that the disk counts as hung. */
async function untilDoubted(store: Store, write: Promise<unknown>): Promise<void> {
  vi.advanceTimersByTime(20_000)
  await expect(write).rejects.toMatchObject({ detail: expect.stringContaining('may or may not') })
  expect(store.healthy).toBe(false)
}

/** With the timers faked, so that a disk counts as hung at once. */
async function storeWithAccount() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const store = await openStore({ file: temporaryDatabase() })
  const { accountId } = await store.write('createAcmeAccount', {
    ...{ thumbprint: Buffer.alloc(32), jwk: '{}', contacts: [], termsAgreedAt: null, external: null },
    ...{ createdAt: 1, createdFrom: '', audit: audit('account.create', '') },
  })
  return {
    store,
    deactivate: () => store.write('updateAcmeAccount', { accountId, status: 'deactivated', audit: null }),
    status: async () => (await store.read.acmeAccount(accountId))?.status,
  }
}

test('an account that was ended while the disk hung has ended once the disk goes on, whoever looked at it meanwhile', async () => {
  const { store, deactivate, status } = await storeWithAccount()
  const resumed = new Promise<void>((resolve) => store.onResumed(resolve))
  hanging.hang()
  await untilDoubted(store, deactivate())
  expect(await status()).toBe('valid')
  hanging.goOn()
  await resumed
  expect(await status()).toBe('deactivated')
  await store.close()
})

test('what is in doubt is decided by its own answer, not by that to an earlier command', async () => {
  const { store, deactivate, status } = await storeWithAccount()
  let heard = 0
  const resumed = new Promise<void>((resolve) => store.onResumed(() => resolve(void heard++)))
  hanging.hang()
  const earlier = store.write('audit', audit('account.create', ''))
  earlier.catch(() => {})
  await new Promise(setImmediate)
  await untilDoubted(store, deactivate())
  hanging.goOnOnce()
  await eventually(() => expect(store.healthy).toBe(true))
  expect([heard, await status()]).toEqual([0, 'valid'])
  hanging.goOn()
  await resumed
  expect([heard, await status()]).toEqual([1, 'deactivated'])
  await store.close()
})
