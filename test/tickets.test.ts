import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tickets } from '../src/tickets.ts'

interface Waiting {
  readonly name: number
}

test('what waits is taken by its ticket, once', () => {
  const tickets = new Tickets<Waiting>()
  expect([tickets.size, tickets.oldest, tickets.take(1)]).toEqual([0, null, null])
  const [one, two] = [tickets.add({ name: 1 }), tickets.add({ name: 2 })]
  expect(tickets.take(two)).toEqual({ name: 2 })
  expect([tickets.take(two), tickets.take(two + 1), tickets.take(0)]).toEqual([null, null, null])
  // Of the same slot.
  expect(tickets.take(one + 64)).toBeNull()
  expect([tickets.size, tickets.oldest]).toEqual([1, { name: 1 }])
  expect(tickets.take(one)).toEqual({ name: 1 })
  expect([tickets.size, tickets.oldest]).toEqual([0, null])
})

test('tickets of before mean nothing once all were taken', () => {
  const tickets = new Tickets<Waiting>()
  const given = Array.from({ length: 100 }, (_, name) => tickets.add({ name }))
  tickets.take(given[0]!)
  tickets.take(given[50]!)
  expect(tickets.takeAll().map(({ name }) => name)).toEqual([...given.keys()].filter((at) => at % 50 > 0))
  const next = tickets.add({ name: 100 })
  expect(given.map((ticket) => tickets.take(ticket))).toEqual(given.map(() => null))
  expect(tickets.take(next)).toEqual({ name: 100 })
})

test('as a Map of numbers in order, whatever is added and taken', () => {
  const step = fc.oneof(
    { arbitrary: fc.constant('add' as const), weight: 600 },
    // The newest, and any; some that are gone.
    { arbitrary: fc.record({ back: fc.integer({ min: 0, max: 400 }) }), weight: 500 },
    { arbitrary: fc.constant('oldest' as const), weight: 200 },
    { arbitrary: fc.constant('all' as const), weight: 2 },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const [tickets, map] = [new Tickets<Waiting>(), new Map<number, Waiting>()]
      let newest = 0
      for (const one of steps) {
        if (one === 'add') {
          newest = tickets.add({ name: newest })
          map.set(newest, { name: newest - 1 })
        } else if (one === 'all') {
          expect(tickets.takeAll()).toEqual([...map.values()])
          map.clear()
        } else {
          const [first = 0] = map.keys()
          const ticket = one === 'oldest' ? first : newest - one.back
          expect(tickets.take(ticket)).toEqual(map.get(ticket) ?? null)
          map.delete(ticket)
        }
        const [oldest = null] = map.values()
        expect([tickets.size, tickets.oldest]).toEqual([map.size, oldest])
      }
    }),
    { numRuns: 60 },
  )
})
