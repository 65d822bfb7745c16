import { EventEmitter } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { CacheChange, CachedResponse } from '../../src/ocsp/response-cache.ts'
import type { FromWorker, ToWorker, WorkerSetup } from '../../src/workers/messages.ts'
import { PlainWorkers, type PoolOptions } from '../../src/workers/pool.ts'
import { eventually } from '../eventually.ts'

/** A thread that does nothing by itself. */
class FakeThread extends EventEmitter {
  readonly setup: WorkerSetup
  readonly received: ToWorker[] = []
  terminated = false

  constructor(setup: WorkerSetup) {
    super()
    this.setup = setup
    setup.channel.on('message', (message: ToWorker) => {
      this.received.push(message)
      if (message.kind === 'close') this.end()
    })
  }

  tell(message: FromWorker): void {
    this.setup.channel.postMessage(message)
  }

  end(error?: Error): void {
    if (error) this.emit('error', error)
    this.emit('exit', 1)
  }

  async terminate(): Promise<number> {
    this.terminated = true
    this.end()
    return 1
  }
}

let threads: FakeThread[]
let pool: PlainWorkers
let changed: (change: CacheChange) => void
let held: CacheChange[]
let wanted: string[]
let logged: string[]
/** What a new thread does first. */
let first: (thread: FakeThread) => void

beforeEach(() => {
  threads = []
  held = []
  wanted = []
  logged = []
  first = (thread) => thread.tell({ kind: 'listening', port: 4711 })
})
afterEach(async () => {
  vi.useRealTimers()
  await pool.close()
})

function make(count: number, options: Partial<PoolOptions> = {}): PlainWorkers {
  pool = new PlainWorkers({
    ...{
      count,
      host: '127.0.0.1',
      port: 0,
      backlog: 1,
      logLevel: 'silent',
      connections: 10,
      mainSocket: '/nowhere',
    },
    ocsp: {
      copyTo: (told) => {
        changed = told
      },
      held: () => held,
      wanted: (keys) => void wanted.push(...keys),
    },
    log: {
      warn: (_facts, message) => logged.push(message),
      error: (_facts, message) => logged.push(message),
    },
    start: (setup) => {
      const thread = new FakeThread(setup)
      threads.push(thread)
      first(thread)
      return thread as unknown as Worker
    },
    ...options,
  })
  return pool
}

const put = (key: string): CacheChange => ({
  kind: 'put',
  key,
  response: { der: Buffer.from(key), etag: '"e"', thisUpdate: 1, nextUpdate: 2 } as CachedResponse,
})
const numbers = (thread: FakeThread) =>
  thread.received.map((one) => (one.kind === 'changes' ? one.number : one.kind))

test('the first worker finds the port, the others take the same', async () => {
  await make(3).start()
  expect(threads.map(({ setup }) => setup.port)).toEqual([0, 4711, 4711])
  expect([pool.port, pool.health()]).toEqual([4711, { name: 'workers', ok: true, reason: null }])
})

test('what is removed is posted and counted before the caller goes on, with what came before it', async () => {
  held = [put('a')]
  await make(2).start()
  const { newest } = threads[0]!.setup
  changed(put('b'))
  expect(newest[0]).toBe(0)
  changed({ kind: 'remove', key: 'a' })
  expect(newest[0]).toBe(1)
  changed(put('c'))
  await eventually(() => expect(newest[0]).toBe(2))
  for (const thread of threads) {
    await eventually(() => expect(numbers(thread)).toEqual([0, 1, 2]))
    const kinds = thread.received.map((one) =>
      one.kind === 'changes' ? one.changes.map(({ kind }) => kind) : [],
    )
    expect(kinds).toEqual([['put'], ['put', 'remove'], ['put']])
    expect(thread.setup.newest).toBe(newest)
  }
})

test('what workers gave to clients is told', async () => {
  await make(1).start()
  threads[0]!.tell({ kind: 'alive', used: ['a', 'b'], answered: {} })
  await eventually(() => expect(wanted).toEqual(['a', 'b']))
})

test('a worker that ends is replaced by one that is told the state of then; without any, it is said', async () => {
  await make(1).start()
  changed({ kind: 'remove', key: 'a' })
  threads[0]!.end(new Error('out of memory'))
  expect(pool.health()).toEqual({
    name: 'workers',
    ok: false,
    reason: '0 of 1 workers serve the plain listener.',
  })
  held = [put('b')]
  await eventually(() => expect(threads.length).toBe(2))
  await eventually(() => expect(pool.health().ok).toBe(true))
  expect(threads[1]!.setup).toMatchObject({ number: 1, port: 4711 })
  await eventually(() => expect(numbers(threads[1]!)).toEqual([1]))
  expect(logged).toEqual(['A worker ended; the next one starts in 100 ms'])
})

test('pauses grow while workers end at once, and are short again after one lived', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await make(1).start()
  for (const pause of [100, 200, 400]) {
    threads.at(-1)!.end()
    expect(logged.at(-1)).toBe(`A worker ended; the next one starts in ${pause} ms`)
    const { length } = threads
    vi.advanceTimersByTime(pause - 1)
    expect(threads.length).toBe(length)
    vi.advanceTimersByTime(1)
    expect(threads.length).toBe(length + 1)
  }
  threads.at(-1)!.tell({ kind: 'alive', used: ['z'], answered: {} })
  vi.useRealTimers()
  await eventually(() => expect(wanted).toEqual(['z']))
  threads.at(-1)!.end()
  expect(logged.at(-1)).toContain('100 ms')
})

test('pauses of one that ends at once grow also while another lives', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await make(2).start()
  let dying = threads[1]!
  for (const pause of [100, 200, 400]) {
    threads[0]!.tell({ kind: 'alive', used: [String(pause)], answered: {} })
    await vi.waitUntil(() => wanted.at(-1) === String(pause))
    dying.end()
    expect(logged.at(-1)).toBe(`A worker ended; the next one starts in ${pause} ms`)
    vi.advanceTimersByTime(pause)
    dying = threads.at(-1)!
  }
})

test('one that the system refuses to start is tried again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await make(1).start()
  const usual = first
  first = () => {
    throw new Error('EAGAIN')
  }
  threads[0]!.end()
  vi.advanceTimersByTime(100)
  expect(logged).toEqual([
    'A worker ended; the next one starts in 100 ms',
    'A worker ended; the next one starts in 200 ms',
  ])
  expect(pool.health().ok).toBe(false)
  first = usual
  vi.advanceTimersByTime(200)
  vi.useRealTimers()
  await eventually(() => expect(pool.health().ok).toBe(true))
})

test('a worker that is silent for ten beats is ended, and replaced', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  await make(2).start()
  for (let beat = 0; beat < 11; beat++) {
    vi.advanceTimersByTime(1000)
    threads[1]!.tell({ kind: 'alive', used: [String(beat)], answered: {} })
    await eventually(() => expect(wanted.at(-1)).toBe(String(beat)))
  }
  expect(threads.map(({ terminated }) => terminated)).toEqual([true, false])
  expect(logged).toContain('A worker did not answer any more and was ended')
  await eventually(() => expect(threads.length).toBe(3))
  expect(threads[2]!.setup.number).toBe(1)
})

test('a first start that fails rejects with its cause', async () => {
  first = (thread) => {
    thread.tell({ kind: 'refused', code: 'ENOTSUP', message: 'not here' })
    setTimeout(() => thread.end(), 20)
  }
  await expect(make(1).start()).rejects.toMatchObject({ code: 'ENOTSUP', message: 'not here' })
  expect([threads.length, logged]).toEqual([1, []])
})
