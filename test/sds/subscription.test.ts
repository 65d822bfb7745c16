import { expect, test } from 'vitest'
import { CaError } from '../../src/errors.ts'
import { secret } from '../../src/sds/secret.ts'
import { type DiscoveryRequest, type Push, Subscription } from '../../src/sds/subscription.ts'

/** A stream whose client takes what it is sent when the test says so. */
class Stream {
  now = 1_800_000_000
  pem = 'first'
  readonly pushes: Push[] = []
  readonly failures: unknown[] = []
  #taken: (() => void)[] = []
  finds = 0
  readonly subscription = new Subscription({
    find: async (name) => {
      this.finds++
      return secret(
        { name, validation_context: { trusted_ca: { inline_string: this.pem } } },
        this.now + 3600,
      )
    },
    push: (push) => {
      this.pushes.push(push)
      return new Promise((taken) => this.#taken.push(taken))
    },
    fail: (error) => this.failures.push(error),
    now: () => this.now,
    onRejected: () => {},
    onWithheld: () => {},
  })

  take(): void {
    this.#taken.shift()?.()
  }
}

const request = (...names: string[]): DiscoveryRequest => ({
  version_info: '',
  resource_names: names,
  type_url: '',
  response_nonce: '',
  error_detail: null,
})
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('while a client does not read, changes are not queued: it gets the latest when it reads', async () => {
  const stream = new Stream()
  void stream.subscription.receive(request('roots'))
  await settled()
  for (const pem of ['second', 'third', 'fourth']) {
    stream.pem = pem
    void stream.subscription.check()
  }
  await settled()
  expect(stream.finds).toBe(1)
  stream.take()
  await settled()
  expect(stream.pushes.map(({ secret: { content } }) => content.validation_context?.trusted_ca)).toEqual([
    { inline_string: 'first' },
    { inline_string: 'fourth' },
  ])
  expect(stream.finds).toBe(2)
})

test('a stream that asks for nothing is ended after a minute', async () => {
  const stream = new Stream()
  expect(stream.subscription.dueAt).toBe(stream.now + 60)
  await stream.subscription.check()
  expect(stream.failures).toEqual([])
  stream.now += 60
  await stream.subscription.check()
  expect(stream.failures).toEqual([expect.any(CaError)])
})

test('a stream that was ended sends nothing more', async () => {
  const stream = new Stream()
  void stream.subscription.receive(request('roots', 'other'))
  await settled()
  stream.subscription.end()
  stream.take()
  await settled()
  expect(stream.pushes).toHaveLength(1)
})
