import { expect, onTestFinished, test, vi } from 'vitest'
import { Validator, type ValidatorOptions } from '../../src/acme/validator.ts'
import { CaError } from '../../src/errors.ts'

/** More than are held in memory. */
const MANY = 10_200

test('challenges that found no place in memory are looked at also where the database failed when it was their turn', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const waiting = new Set<number>()
  let failures = 1
  const read = {
    processingAcmeChallenges: async (after: number, limit: number) => {
      if (waiting.size > 0 && failures-- > 0) throw new Error('the disk fails')
      return [...waiting].filter((id) => id > after).slice(0, limit)
    },
    acmeAuthorizationOf: async (challengeId: number) => ({
      ...{ accountId: 1, identifier: 'dns:web.example.test', status: 'pending' },
      challenges: [{ challengeId, type: 'http-01', status: 'processing', attempts: 0 }],
    }),
    acmeAccount: async () => ({ accountId: 1, thumbprint: Buffer.alloc(32) }),
  }
  const onError = vi.fn()
  const validator = new Validator({
    store: {
      read,
      write: async (_: string, { challengeId }: { challengeId: number }) => waiting.delete(challengeId),
    },
    clock: () => new Date(0),
    config: {
      ...{ limits: { failuresPerName: 0 }, authorizationValidity: 60 },
      validation: { concurrency: 100, patience: 0 },
    },
    attempt: async () => ({ until: null }),
    mayPass: () => false,
    onError,
  } as unknown as ValidatorOptions)
  await validator.start()
  for (let id = 1; id <= MANY; id++) {
    waiting.add(id)
    validator.submit(id, 1)
  }
  expect(validator.isOverloaded).toBe(true)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(onError).toHaveBeenCalledOnce()
  expect(waiting).toEqual(new Set())
  expect(validator.isOverloaded).toBe(false)
  validator.stop()
})

test('a validation for which the database cannot be read is made again, and is none that failed', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const recorded: unknown[] = []
  const attempt = vi
    .fn()
    .mockRejectedValueOnce(new CaError('storeFailed', 'The database could not be read. Try again.'))
    .mockResolvedValueOnce({ until: null })
  const onError = vi.fn()
  const validator = new Validator({
    store: {
      read: {
        acmeAuthorizationOf: async (challengeId: number) => ({
          ...{ accountId: 1, identifier: 'dns:web.example.test', status: 'pending' },
          challenges: [{ challengeId, type: 'dns-persist-01', status: 'processing', attempts: 0 }],
        }),
        acmeAccount: async () => ({ accountId: 1, thumbprint: Buffer.alloc(32) }),
      },
      write: async (_: string, { outcome }: { outcome: string }) => void recorded.push(outcome),
    },
    clock: () => new Date(0),
    config: {
      ...{ limits: { failuresPerName: 0 }, authorizationValidity: 60 },
      validation: { concurrency: 1, patience: 0 },
    },
    ...{ attempt, mayPass: () => false, onError },
  } as unknown as ValidatorOptions)
  validator.submit(1, 1)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(recorded).toEqual(['valid'])
  expect(onError).toHaveBeenCalledOnce()
  validator.stop()
})
