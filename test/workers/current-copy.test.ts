import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CopyChange, HeldCopy } from '../../src/ocsp/held-copy.ts'
import { CurrentCopy } from '../../src/workers/current-copy.ts'
import type { ToWorker } from '../../src/workers/messages.ts'

let main: MessagePort
let channel: MessagePort
let newest: Int32Array
let now: number
let held: HeldCopy
let copy: CurrentCopy

beforeEach(() => {
  const { port1, port2 } = new MessageChannel()
  main = port1
  channel = port2
  newest = new Int32Array(new SharedArrayBuffer(4))
  now = 1_800_000_000
  held = new HeldCopy(() => new Date(now * 1000))
  copy = new CurrentCopy(held, channel, newest)
})
afterEach(() => main.close())

const put = (der: string, key = 'k'): CopyChange => ({
  kind: 'put',
  key,
  response: { der, etag: `"${der}"`, thisUpdate: 1_800_000_000, nextUpdate: 1_800_000_100, says: 'good' },
})
const post = (message: ToWorker) => main.postMessage(message)
const known = () => copy.known('/ocsp/x')?.der.toString() ?? null

test('what was posted is taken before an answer is given, although this thread had no turn since', () => {
  post({
    kind: 'changes',
    number: 0,
    changes: [put('good'), { kind: 'remember', request: '/ocsp/x', key: 'k' }],
  })
  expect(known()).toBe('good')
  post({ kind: 'changes', number: 1, changes: [{ kind: 'remove', key: 'k' }] })
  Atomics.store(newest, 0, 1)
  expect(known()).toBeNull()
  post({ kind: 'changes', number: 2, changes: [put('revoked')] })
  Atomics.store(newest, 0, 2)
  expect(known()).toBe('revoked')
})

test('nothing is answered before the first state has come, nor while one that was counted is missing', () => {
  expect(known()).toBeNull()
  post({
    kind: 'changes',
    number: 0,
    changes: [put('good'), { kind: 'remember', request: '/ocsp/x', key: 'k' }],
  })
  Atomics.store(newest, 0, 1)
  expect(known()).toBeNull()
  post({ kind: 'changes', number: 1, changes: [] })
  expect(known()).toBe('good')
})

test('an end that is asked for while an answer is looked for is heard of', () => {
  const heard: string[] = []
  channel.on('message', (message: ToWorker) => heard.push(message.kind))
  Atomics.store(newest, 0, 1)
  post({ kind: 'close' })
  post({ kind: 'changes', number: 1, changes: [] })
  expect(known()).toBeNull()
  expect(heard).toEqual(['close'])
})

test('an answer ends at half of its life, or where the clock was set back before it', () => {
  copy.apply({
    ...{ kind: 'changes', number: 0 },
    changes: [put('good'), { kind: 'remember', request: '/ocsp/x', key: 'k' }],
  })
  now += 50
  expect(known()).toBe('good')
  now += 1
  expect(known()).toBeNull()
  now -= 52
  expect(known()).toBeNull()
  expect(held.takeUsed()).toEqual(['k'])
  expect(held.takeUsed()).toEqual([])
  expect(held.takeAnswered()).toEqual({ good: 1 })
  expect(held.takeAnswered()).toEqual({})
})
