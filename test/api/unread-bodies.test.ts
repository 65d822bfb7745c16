import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chancery } from '../../src/index.ts'

/** An application that reads every body itself, as one does with express.json(). */
let directory: string
let app: FastifyInstance
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'chancery-read-'))
  app = Fastify()
  app.addHook('onRequest', async ({ raw }) => {
    for await (const _ of raw) {
      // Kept somewhere, where the plugin does not look for it.
    }
  })
  await app.register(chancery, { prefix: '/pki', directory, publicUrl: 'http://ca.example.test/pki' })
  await app.ready()
})
afterEach(async () => {
  await app.close()
  rmSync(directory, { recursive: true })
})

const SAID = 'middleware that reads bodies, such as express.json()'

test.each([
  ['/v1/tokens', 'application/json', 501, SAID],
  ['/v1/certificates', 'application/pkcs10', 501, SAID],
  ['/acme/new-account', 'application/jose+json', 501, SAID],
  ['/.well-known/est/simpleenroll', 'application/pkcs10', 501, SAID],
  // internalError
  ['/ocsp', 'application/ocsp-request', 200, Buffer.from('30030a0102', 'hex').toString()],
])(
  'the body of a request to %s that was read before is missed at once',
  async (path, type, status, words) => {
    const key = readFileSync(join(directory, 'admin.key'), 'utf8').trim()
    const authorization = `Bearer ${key}`
    const answer = await app.inject({
      method: 'POST',
      url: `/pki${path}`,
      headers: { authorization, 'content-type': type },
      body: 'x',
    })
    expect([answer.statusCode, answer.body]).toEqual([status, expect.stringContaining(words)])
  },
)

test('what has no body is answered as ever', async () => {
  expect((await app.inject('/pki/readyz')).statusCode).toBe(200)
  const ofType = { 'content-type': 'application/json' }
  expect(
    (await app.inject({ url: '/pki/acme/directory', headers: { ...ofType, host: 'localhost' } })).statusCode,
  ).toBe(200)
  const authorization = `Bearer ${readFileSync(join(directory, 'admin.key'), 'utf8').trim()}`
  const signIn = {
    method: 'POST',
    url: '/pki/v1/session',
    headers: { authorization, ...ofType, 'content-length': '0' },
  } as const
  expect((await app.inject(signIn)).statusCode).toBe(201)
})
