import { expect, test } from 'vitest'
import { listenFailure } from '../src/listen.ts'

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
