import dns from 'node:dns'
import { isIP } from 'node:net'
import Fastify from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { listen, listenFailure } from '../src/listen.ts'

test('a system that cannot share a port names the option that wants it', () => {
  const cause = Object.assign(new Error('listen ENOTSUP'), { code: 'ENOTSUP' })
  expect(listenFailure(cause, '127.0.0.1', 8080)).toMatchObject({
    code: 'badConfiguration',
    detail: expect.stringMatching(/option "workers".*set it to 0/),
    cause,
  })
})

test('what is no mistake of the configuration stays what it is', () => {
  const cause = Object.assign(new Error('listen EMFILE'), { code: 'EMFILE' })
  expect(listenFailure(cause, '127.0.0.1', 8080)).toBe(cause)
})

test('"localhost" is one address, also where it has two: a second would be served without a certificate', async () => {
  const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((
    host: string,
    _options: dns.LookupOptions,
    found: (...result: unknown[]) => void,
  ) => {
    const addresses = isIP(host) ? [host] : ['127.0.0.1', '127.0.0.2']
    found(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    )
  }) as typeof dns.lookup)
  const app = Fastify()
  onTestFinished(async () => {
    lookup.mockRestore()
    await app.close()
  })
  await listen(app, { host: 'localhost' }, 0)
  expect(app.addresses()).toMatchObject([{ address: '127.0.0.1' }])
})
