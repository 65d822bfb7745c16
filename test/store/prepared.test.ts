import { realpathSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { prepareStore } from '../../src/store/prepared.ts'
import { identityOf } from '../../src/store/same-file.ts'
import { hanging } from './hung-writer.ts'
import { authority } from './records.ts'
import { temporaryDatabase, temporaryDirectory } from './temporary.ts'

vi.mock('../../src/store/threads.ts', async (original) => {
  const { hangingThreads } = await import('./hung-writer.ts')
  return hangingThreads(await original())
})

test('what was handed out before the database was open works from then on', async () => {
  const { store, open } = prepareStore({ file: temporaryDatabase() })
  onTestFinished(() => store.close())
  const { read } = store
  expect(store.healthy).toBe(false)
  await open()
  expect(store.healthy).toBe(true)
  await store.write('recordAuthority', authority())
  expect(await read.authorities()).toHaveLength(1)
  expect(store.figures.waiting).toBe(0)
})

test('one whose database cannot be opened can be closed, and asked for its state', async () => {
  const file = temporaryDatabase()
  const first = prepareStore({ file })
  onTestFinished(() => first.store.close())
  await first.open()
  const second = prepareStore({ file })
  await expect(second.open()).rejects.toThrow(/in use/)
  expect(second.store.healthy).toBe(false)
  await second.store.close()
})

test('knows before it is open where its database is, through symbolic links', async () => {
  const file = temporaryDatabase()
  const link = join(temporaryDirectory(), 'chancery.db')
  symlinkSync(file, link)
  const { store, open } = prepareStore({ file: link })
  onTestFinished(() => store.close())
  expect(store.databaseFile).toBe(realpathSync(file))
  await open()
  expect(store.databaseFile).toBe(realpathSync(file))
  expect(store.databaseIdentity).toBe(identityOf(file))
  await store.close()
  rmSync(link)
})

test('whoever listened before it was open hears that writes are taken again', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { store, open } = prepareStore({ file: temporaryDatabase() })
  const resumed = new Promise<void>((resolve) => store.onResumed(resolve))
  await open()
  hanging.hang()
  const write = store.write('recordAuthority', authority())
  vi.advanceTimersByTime(20_000)
  await expect(write).rejects.toThrow(/may or may not/)
  hanging.goOn()
  await resumed
  await store.close()
})
