import { existsSync, renameSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CaError } from '../../src/errors.ts'
import { openForWriting } from '../../src/store/connection.ts'
import { openStore } from '../../src/store/open.ts'
import { SearchQueue } from '../../src/store/search-queue.ts'
import { startSearcher } from '../../src/store/threads.ts'
import { createHandlers } from '../../src/store/write/handlers.ts'
import { authority, issuance, NOW, serial } from './records.ts'
import { issueMany, temporaryDatabase, temporaryStore } from './temporary.ts'

const now = NOW
const name = (n: number) => `host${n}.example.test`

function temporaryQueue({ file = temporaryDatabase(), limit = 1000 } = {}) {
  const workers: Worker[] = []
  const queue = new SearchQueue(() => {
    const worker = startSearcher(file)
    workers.push(worker)
    return worker
  }, limit)
  onTestFinished(() => queue.close())
  const count = () => queue.ask('countStep', { now }, { limit: 9 }).then((step) => step.count)
  return { queue, workers, count }
}

/** As if by the writer, but without a sync for each. */
function databaseOf(rows: number): string {
  const file = temporaryDatabase()
  const db = openForWriting(file)
  const handlers = createHandlers(db)
  handlers.recordAuthority(authority())
  db.transaction(() => {
    for (let n = 0; n < rows; n++) handlers.recordIssuance(issuance(n))
  })()
  db.close()
  return file
}

describe('searches', () => {
  test('let reads and writes go on meanwhile', { timeout: 60_000 }, async () => {
    const store = await openStore({ file: databaseOf(20_000) })
    onTestFinished(() => store.close())
    const order: string[] = []
    // Each looks at every row and finds none.
    const searches = Promise.all(
      Array.from({ length: 40 }, () =>
        store.read.countCertificates({ now, name: '*.example.test', principal: 'nobody' }, 50),
      ),
    ).then((counts) => {
      order.push('searches')
      for (const count of counts) expect(count).toBe(0)
    })
    expect(await store.read.certificate(serial(7))).not.toBeNull()
    order.push('read')
    await store.write('recordIssuance', issuance(20_000))
    order.push('write')
    await searches
    expect(order).toEqual(['read', 'write', 'searches'])
  })

  test('are each answered rightly, a hundred at once', async () => {
    const store = await temporaryStore()
    await issueMany(store, 100)
    const all = Array.from({ length: 100 }, (_, n) => n)
    const answers = await Promise.all(
      all.map((n) => {
        if (n % 3 === 0) return store.read.countCertificates({ now }, n)
        if (n % 3 === 1) return store.read.listAudit({ target: serial(n) }, { limit: 5 })
        return store.read.searchCertificates({ now, name: name(n) }, { limit: 5 })
      }),
    )
    for (const n of all) {
      if (n % 3 === 0) expect(answers[n]).toBe(n)
      else if (n % 3 === 1) expect(answers[n]).toMatchObject({ rows: [{ target: serial(n) }], next: null })
      else expect(answers[n]).toMatchObject({ rows: [{ serialNumber: serial(n) }], next: null })
    }
  })

  test('see all that was durable before they were asked', async () => {
    const store = await temporaryStore()
    for (let n = 0; n < 30; n++) {
      await store.write('recordIssuance', issuance(n))
      const [count, page] = await Promise.all([
        store.read.countCertificates({ now }, 100),
        store.read.searchCertificates({ now, name: name(n) }, { limit: 1 }),
      ])
      expect([count, page.rows[0]?.serialNumber]).toEqual([n + 1, serial(n)])
    }
  })

  test('are refused when too many wait', async () => {
    const store = await temporaryStore()
    await issueMany(store, 3)
    const results = await Promise.allSettled(
      Array.from({ length: 140 }, () => store.read.countCertificates({ now }, 9)),
    )
    // One runs and 128 wait.
    for (const result of results.slice(0, 129)) expect(result).toEqual({ status: 'fulfilled', value: 3 })
    for (const result of results.slice(129))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'overloaded', retryAfter: 1 } })
    expect(await store.read.countCertificates({ now }, 9)).toBe(3)
  })

  test('fail with the error that was meant for the caller', async () => {
    const store = await temporaryStore()
    const error = await store.read
      .searchCertificates({ now, serialPrefix: 'x' }, { limit: 5 })
      .catch((e) => e)
    expect(error).toBeInstanceOf(CaError)
    expect(error).toMatchObject({
      code: 'malformedRequest',
      detail: expect.stringContaining('hexadecimal digits'),
    })
  })
})

describe('the search thread', () => {
  test('is started by the first search, and kept', async () => {
    const { workers, count } = temporaryQueue()
    expect(workers).toHaveLength(0)
    for (let i = 0; i < 3; i++) expect(await count()).toBe(0)
    expect(workers).toHaveLength(1)
  })

  test('fails what waits when it dies, and is started again by the next search', async () => {
    const { workers, count } = temporaryQueue()
    const lost = Promise.allSettled([count(), count(), count()])
    await workers[0]!.terminate()
    for (const result of await lost)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'storeFailed', retryAfter: 1 } })
    expect(await count()).toBe(0)
    await workers[1]!.terminate()
    expect(await count()).toBe(0)
    expect(workers).toHaveLength(3)
  })

  test('may fail to open the database, for as long as it is not there', async () => {
    const file = temporaryDatabase()
    const { count } = temporaryQueue({ file })
    renameSync(file, `${file}.away`)
    await expect(count()).rejects.toMatchObject({
      code: 'storeFailed',
      cause: expect.objectContaining({ code: 'SQLITE_CANTOPEN' }),
    })
    renameSync(`${file}.away`, file)
    expect(await count()).toBe(0)
  })

  test('may fail to start', async () => {
    const queue = new SearchQueue(() => {
      throw new Error('no more threads')
    }, 9)
    for (let i = 0; i < 2; i++) {
      await expect(queue.ask('countStep', { now }, { limit: 9 })).rejects.toMatchObject({
        code: 'storeFailed',
      })
    }
  })

  test('finishes the search that runs when the store closes, and no other', async () => {
    const store = await temporaryStore()
    await issueMany(store, 3)
    const count = () => store.read.countCertificates({ now }, 9)
    const results = Promise.allSettled([count(), count(), count()])
    await store.close()
    expect(await results).toMatchObject([
      { status: 'fulfilled', value: 3 },
      { status: 'rejected', reason: { code: 'storeFailed' } },
      { status: 'rejected', reason: { code: 'storeFailed' } },
    ])
    await expect(count()).rejects.toMatchObject({ code: 'storeFailed' })
    expect(existsSync(`${store.databaseFile}-wal`)).toBe(false)
  })
})
