import { expect, onTestFinished, test, vi } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
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

test('an account that was ended while the disk hung has ended once the disk goes on, whoever looked at it meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const store = await openStore({ file: temporaryDatabase() })
  const { accountId } = await store.write('createAcmeAccount', {
    ...{ thumbprint: Buffer.alloc(32), jwk: '{}', contacts: [], termsAgreedAt: null, external: null },
    ...{ createdAt: 1, createdFrom: '', audit: audit('account.create', '') },
  })
  const status = async () => (await store.read.acmeAccount(accountId))?.status
  const resumed = new Promise<void>((resolve) => store.onResumed(resolve))
  hanging.hang()
  await untilDoubted(
    store,
    store.write('updateAcmeAccount', { accountId, status: 'deactivated', audit: null }),
  )
  expect(await status()).toBe('valid')
  hanging.goOn()
  await resumed
  expect(await status()).toBe('deactivated')
  await store.close()
})
