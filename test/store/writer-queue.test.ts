import { EventEmitter } from 'node:events'
import { mkdirSync, renameSync, rmdirSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openForReading } from '../../src/store/connection.ts'
import { pointReads, searchesOn } from '../../src/store/read/queries.ts'
import { startWriter } from '../../src/store/threads.ts'
import type { FromWriter } from '../../src/store/writer-messages.ts'
import { type QueueLimit, WriterQueue } from '../../src/store/writer-queue.ts'
import { authority, issuance, NOW, recorded, serial } from './records.ts'
import { temporaryDatabase, temporaryStore } from './temporary.ts'

const AMPLE: QueueLimit = { commands: 4096, bytes: 64 * 1024 * 1024 }

async function temporaryQueue(limit = AMPLE) {
  const file = temporaryDatabase()
  const workers: Worker[] = []
  const queue = new WriterQueue(() => {
    const worker = startWriter({ file, probeMilliseconds: 20 })
    workers.push(worker)
    return worker
  }, limit)
  await queue.start()
  const reader = openForReading(file)
  onTestFinished(async () => {
    reader.close()
    await queue.drain()
    await queue.stop()
  })
  await queue.write('recordAuthority', authority())
  return { file, queue, workers, read: pointReads(reader) }
}

/** With the timers faked: lets every pause before a restart go by at once. */
function afterPauses(expectation: () => void): Promise<void> {
  return vi.waitFor(
    () => {
      vi.advanceTimersByTime(30_000)
      expectation()
    },
    { timeout: 30_000, interval: 10 },
  )
}

describe('the queue', () => {
  test('is bounded by count', async () => {
    const { queue } = await temporaryQueue({ ...AMPLE, commands: 4 })
    const results = await Promise.allSettled(
      [0, 1, 2, 3, 4, 5].map((n) => queue.write('recordIssuance', issuance(n))),
    )
    expect(results.map(({ status }) => status)).toEqual([
      ...Array(4).fill('fulfilled'),
      'rejected',
      'rejected',
    ])
    expect(results[4]).toMatchObject({ reason: { code: 'overloaded', retryAfter: 1 } })
    await expect(queue.write('recordIssuance', issuance(4))).resolves.toEqual(recorded(4))
  })

  test('is bounded by size, yet takes a command of any size alone', async () => {
    const { queue } = await temporaryQueue({ ...AMPLE, bytes: 100_000 })
    const large = (n: number, size: number) =>
      queue.write('recordIssuance', issuance(n, { der: Buffer.alloc(size) }))
    const results = await Promise.allSettled([large(1, 60_000), large(2, 60_000), large(3, 30_000)])
    expect(results).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'overloaded', retryAfter: 1 } },
      { status: 'fulfilled' },
    ])
    await expect(large(4, 5_000_000)).resolves.toEqual(recorded(4, Buffer.alloc(5_000_000)))
  })

  test('is emptied before the store closes, and takes nothing after', async () => {
    const store = await temporaryStore()
    const writes = Array.from({ length: 300 }, (_, n) => store.write('recordIssuance', issuance(n)))
    const closed = store.close()
    expect(store.healthy).toBe(false)
    await expect(store.write('recordIssuance', issuance(999))).rejects.toMatchObject({ code: 'storeFailed' })
    await closed
    for (const [n, outcome] of (await Promise.all(writes)).entries()) expect(outcome).toEqual(recorded(n))
    const db = openForReading(store.databaseFile)
    expect(await searchesOn(db).countStep({ now: NOW }, { limit: 1000 })).toEqual({ count: 300, next: null })
    db.close()
  })
})

describe('a writer thread that dies', () => {
  test('fails what waits, and is replaced', { timeout: 60_000 }, async () => {
    const { queue, workers, read } = await temporaryQueue()
    for (let death = 0; death < 3; death++) {
      const writes = Array.from({ length: 50 }, (_, n) =>
        queue.write('recordIssuance', issuance(death * 1000 + n)).then(
          () => serial(death * 1000 + n),
          (error) => {
            expect(error).toMatchObject({ code: 'storeFailed', retryAfter: 1 })
            return null
          },
        ),
      )
      await workers.at(-1)!.terminate()
      const acknowledged = (await Promise.all(writes)).filter((found) => found !== null)
      expect(acknowledged.length).toBeLessThan(50)
      for (const found of acknowledged) expect(await read.certificate(found)).not.toBeNull()
      expect(queue.healthy).toBe(false)
      await expect(queue.write('recordIssuance', issuance(1))).rejects.toMatchObject({ code: 'storeFailed' })
      await vi.waitFor(() => expect(queue.healthy).toBe(true), { timeout: 30_000, interval: 10 })
      await expect(queue.write('recordIssuance', issuance(death * 1000 + 500))).resolves.toBeDefined()
    }
    expect(workers).toHaveLength(4)
  })

  test('is replaced for as long as it takes', { timeout: 60_000 }, async () => {
    const { file, queue, workers } = await temporaryQueue()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    // A folder in its place: each start fails, as with a mount that is gone.
    renameSync(file, `${file}.away`)
    mkdirSync(file)
    await workers[0]!.terminate()
    await afterPauses(() => expect(workers.length).toBeGreaterThan(13))
    expect(queue.healthy).toBe(false)
    rmdirSync(file)
    renameSync(`${file}.away`, file)
    await afterPauses(() => expect(queue.healthy).toBe(true))
    await expect(queue.write('recordIssuance', issuance(1))).resolves.toEqual(recorded(1))
  })

  test('is replaced also after no thread could be started', { timeout: 60_000 }, async () => {
    const file = temporaryDatabase()
    let starts = 0
    let worker: Worker
    const queue = new WriterQueue(() => {
      if (++starts === 2) throw new Error('no more threads')
      worker = startWriter({ file, probeMilliseconds: 20 })
      return worker
    }, AMPLE)
    await queue.start()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await worker!.terminate()
    await afterPauses(() => expect(queue.healthy).toBe(true))
    expect(starts).toBe(3)
    await queue.drain()
    await queue.stop()
  })

  test('is not replaced once the store closes', async () => {
    const { queue, workers } = await temporaryQueue()
    await workers[0]!.terminate()
    await queue.drain()
    await queue.stop()
    expect(workers).toHaveLength(1)
  })
})

test('a disk that hangs anew after a checkpoint had failed on it is noticed again', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const writer = Object.assign(new EventEmitter(), { postMessage: () => {} })
  const says = (message: FromWriter) => writer.emit('message', message)
  const queue = new WriterQueue(() => writer, AMPLE)
  const started = queue.start()
  says({ kind: 'ready' })
  await started
  const doubted = async () => {
    const write = queue.write('recordIssuance', issuance(1))
    vi.advanceTimersByTime(20_000)
    await expect(write).rejects.toMatchObject({ detail: expect.stringContaining('may or may not') })
  }
  await doubted()
  // Of the checkpoint; what waited behind it is taken up next.
  says({ kind: 'recovered' })
  expect(queue.healthy).toBe(true)
  await doubted()
  await queue.drain()
})
