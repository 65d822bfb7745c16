import { connect } from 'node:http2'
import { setImmediate as turn } from 'node:timers/promises'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LongAnswers, paceAnswers } from '../../../src/api/sds/long-answers.ts'
import { SECRET_TYPE } from '../../../src/sds/secret.ts'
import { eventually } from '../../eventually.ts'
import { TestCa } from '../ca-fixture.ts'

/** Octets of all CRLs that are given out here. */
const LONG = 1_000_000

vi.mock('../../../src/crl/bundle.ts', async (original) => ({
  ...(await original<object>()),
  bundledCrls: () => [CRL],
}))
const CRL = {
  pemOctets: Promise.resolve(Buffer.alloc(LONG, 'x')),
  etag: '"one"',
  nextUpdate: 4_000_000_000,
}

function answers() {
  const going: string[] = []
  const cut: string[] = []
  const all = new LongAnswers(10)
  const enter = (client: string, octets: number) =>
    all.enter(client, octets, { go: () => going.push(client), cut: () => cut.push(client) })
  return { going, cut, enter }
}

test('so many octets are on their way at once, and the clients come by turns', () => {
  const { going, enter } = answers()
  const first = enter('a', 6)
  enter('b', 4)
  enter('a', 1)
  const waits = enter('a', 3)
  const last = enter('c', 20)
  expect(going).toEqual(['a', 'b'])
  waits()
  first()
  first()
  expect(going).toEqual(['a', 'b', 'a'])
  last()
})

test('one that is longer than all that may go, goes alone', () => {
  const { going, enter } = answers()
  const [first, second] = [enter('a', 1), enter('b', 20)]
  expect(going).toEqual(['a'])
  first()
  expect(going).toEqual(['a', 'b'])
  enter('c', 1)
  expect(going).toEqual(['a', 'b'])
  second()
  expect(going).toEqual(['a', 'b', 'c'])
})

test('who does not read is cut off once somebody waits, be it before or after the patience has ended', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { cut, going, enter } = answers()
  const first = enter('a', 10)
  vi.advanceTimersByTime(60_000)
  expect(cut).toEqual([])
  enter('b', 10)
  expect(cut).toEqual(['a'])
  first()
  expect(going).toEqual(['a', 'b'])
  enter('c', 1)
  vi.advanceTimersByTime(59_999)
  expect(cut).toEqual(['a'])
  vi.advanceTimersByTime(1)
  expect(cut).toEqual(['a', 'b'])
})

test('of long answers that come at once, each is written in a turn of its own, unless its call is over by then', async () => {
  const sent: number[] = []
  const pace = paceAnswers(new LongAnswers(), {
    octetsOf: () => LONG,
    clientOf: (peer) => peer,
    cut: () => {},
  })
  const calls = Array.from({ length: 4 }, (_, n) => {
    const call = { sendMessage: () => void sent.push(n), sendStatus: () => {}, getPeer: () => `client ${n}` }
    pace({} as never, call as unknown as ServerInterceptingCallInterface)
    return call as unknown as ServerInterceptingCallInterface
  })
  for (const call of calls) call.sendMessage({}, () => {})
  calls[2]!.sendStatus({ code: 0, details: '' })
  expect(sent).toEqual([0])
  await turn()
  expect(sent).toEqual([0, 1])
  await turn()
  await turn()
  expect(sent).toEqual([0, 1, 3])
})

test('clients that do not read hold a bounded memory, and those that do hear everything', async () => {
  const ca = await TestCa.create()
  onTestFinished(() => ca.close())
  const port = await ca.listen()
  let [come, begun] = [0, 0]
  const { enter } = LongAnswers.prototype
  vi.spyOn(LongAnswers.prototype, 'enter').mockImplementation(function (
    this: LongAnswers,
    client,
    octets,
    { go, cut },
  ) {
    come++
    const counted = () => {
      begun++
      go()
    }
    // As if they were longer.
    return enter.call(this, client, 16 * octets, { go: counted, cut })
  })
  /** Of the method, with the message for "roots" (protobuf: fields 3 and 4). */
  const ask = (method: string) => {
    const text = (field: number, value: string) =>
      Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)])
    const message = Buffer.concat([text(3, 'roots'), text(4, SECRET_TYPE)])
    const call = session.request({
      ...{ ':method': 'POST', ':path': `/envoy.service.secret.v3.SecretDiscoveryService/${method}` },
      ...{ 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${ca.adminKey}` },
    })
    call.on('error', () => {})
    call.write(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]))
    if (method === 'FetchSecrets') call.end()
    return call
  }
  const session = connect(`https://localhost:${port}`, { ca: ca.rootPem })
  onTestFinished(() => session.destroy())
  const calls = ['StreamSecrets', 'FetchSecrets'].flatMap((method) =>
    Array.from({ length: 15 }, () => ask(method)),
  )
  await eventually(() => expect(come).toBe(calls.length))
  expect(begun).toBe(16)
  // Those that end make room, whether their answers wait or are on their way.
  for (const call of [calls[0], calls[29]]) call!.close()
  const lengths = calls.slice(1, 29).map(async (call) => {
    let octets = 0
    for await (const chunk of call) {
      octets += chunk.length
      if (octets > LONG) return octets
    }
    return octets
  })
  for (const octets of await Promise.all(lengths)) expect(octets).toBeGreaterThan(LONG)
})
