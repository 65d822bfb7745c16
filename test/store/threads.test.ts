import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { startWriterAhead } from '../../src/store/threads.ts'
import { authority } from './records.ts'
import { temporaryDatabase } from './temporary.ts'

async function writeOnce(): Promise<void> {
  const store = await openStore({ file: temporaryDatabase() })
  await store.write('recordAuthority', authority())
  expect(await store.read.authorities()).toHaveLength(1)
  await store.close()
}

test('a writer that was started before its database was known is taken by the next store, and by that one alone', async () => {
  const thread = startWriterAhead()
  const ended = new Promise((resolve) => thread.once('exit', resolve))
  await writeOnce()
  expect(await ended).toBe(0)
  await writeOnce()
})

test('one that ended before it was needed is replaced', async () => {
  await startWriterAhead().terminate()
  await writeOnce()
})
