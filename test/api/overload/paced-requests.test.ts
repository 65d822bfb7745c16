import { createServer, type IncomingMessage, type Server } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { paceRequests } from '../../../src/api/overload/paced-requests.ts'
import { PIPELINED } from '../../../src/api/overload/pipelined.ts'
import { BEGUN_PER_TURN } from '../../../src/api/overload/turn-budget.ts'

let server: Server
let begun: string[]
beforeEach(() => {
  begun = []
  server = createServer((request) => begun.push(request.url!))
  paceRequests(server)
})

/** As many as the parser may find in one turn. */
function come(from: number, to: number, isGone = (_n: number) => false): void {
  for (let n = from; n < to; n++) {
    const request = { url: String(n), socket: { destroyed: isGone(n) } } as unknown as IncomingMessage
    server.emit('request', request, {})
  }
}
const urls = (to: number) => Array.from({ length: to }, (_, n) => String(n))

test('what comes in one turn of the event loop is begun in several, in order', async () => {
  const all = 3 * BEGUN_PER_TURN + 5
  come(0, all - 10)
  expect(begun).toEqual(urls(BEGUN_PER_TURN))
  await turn()
  expect(begun).toHaveLength(2 * BEGUN_PER_TURN)
  // Later ones do not overtake.
  come(all - 10, all)
  expect(begun).toHaveLength(2 * BEGUN_PER_TURN)
  for (let n = 0; n < 2; n++) await turn()
  expect(begun).toEqual(urls(all))
})

test('in every turn as many begin as in the first, and few in a turn never wait', async () => {
  for (let n = 0; n < 4 * BEGUN_PER_TURN; n += 40) {
    come(n, n + 40)
    expect(begun).toHaveLength(n + 40)
    await turn()
  }
})

test('who has gone while waiting is not begun', async () => {
  come(0, BEGUN_PER_TURN + 3, (n) => n === BEGUN_PER_TURN + 1)
  await turn()
  expect(begun.slice(BEGUN_PER_TURN)).toEqual([String(BEGUN_PER_TURN), String(BEGUN_PER_TURN + 2)])
})

test('a connection that has too many waiting is closed, and the others are not', async () => {
  come(0, BEGUN_PER_TURN)
  const greedy = {
    destroyed: false,
    destroy() {
      this.destroyed = true
    },
  }
  const ask = (url: string, socket: object) =>
    server.emit('request', { url, socket } as unknown as IncomingMessage, {})
  for (let n = 0; n < PIPELINED; n++) ask('greedy', greedy)
  expect(greedy.destroyed).toBe(false)
  ask('greedy', greedy)
  expect(greedy.destroyed).toBe(true)
  ask('modest', { destroyed: false })
  await turn()
  expect(begun.slice(BEGUN_PER_TURN)).toEqual(['modest'])
})
