import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyReply } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chancery, openChancery } from '../../src/index.ts'
import type { Service } from '../../src/service.ts'

/** Hooks of an application that embeds the plugin, which say the status as Fastify lets them, and not in the error's `statusCode`. */
const directory = mkdtempSync(join(tmpdir(), 'chancery-refusing-'))
let service: Service
beforeAll(async () => {
  service = await openChancery({ directory, publicUrl: 'http://ca.example.test/pki' })
})
afterAll(async () => {
  await service.close()
  rmSync(directory, { recursive: true })
})

async function answersUnder(hook: (reply: FastifyReply) => unknown, ...paths: string[]) {
  const logged: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line) => void logged.push(line) } } })
  app.addHook('onRequest', async (_request, reply) => hook(reply))
  await app.register(chancery, { prefix: '/pki', service })
  const answers = await Promise.all(paths.map((path) => app.inject(`/pki${path}`)))
  await app.close()
  return { answers, logged }
}

const refusal = () => new Error('says the host')

describe.each<[string, (reply: FastifyReply) => unknown]>([
  [
    'given to the reply, and an error thrown',
    (reply) => {
      reply.code(403)
      throw refusal()
    },
  ],
  ['given to the reply, and an error sent', (reply) => reply.code(403).send(refusal())],
  [
    'in "status" of the error',
    () => {
      throw Object.assign(refusal(), { status: 403 })
    },
  ],
])('a status %s', (_how, hook) => {
  test('is that of the answer in each protocol, and no fault of the service', async () => {
    const paths = ['/v1/profiles', '/acme/directory', '/.well-known/est/cacerts', '/ocsp/MAA=']
    const { answers, logged } = await answersUnder(hook, ...paths)
    const [rest, acme, est, ocsp] = answers
    expect(rest!.statusCode).toBe(403)
    expect(rest!.json()).toMatchObject({
      type: 'urn:chancery:problem:forbidden',
      detail: 'says the host.',
    })
    expect([acme!.statusCode, acme!.json().type]).toEqual([403, 'urn:ietf:params:acme:error:unauthorized'])
    expect([est!.statusCode, est!.body]).toEqual([403, 'says the host.\n'])
    // malformedRequest
    expect(ocsp!.rawPayload).toEqual(Buffer.from('30030a0101', 'hex'))
    expect(logged).toEqual([])
  })
})

test('a status that is no refusal leaves an error what it is', async () => {
  const { answers, logged } = await answersUnder((reply) => {
    reply.code(201)
    throw refusal()
  }, '/v1/profiles')
  expect([answers[0]!.statusCode, answers[0]!.json().type]).toEqual([500, 'urn:chancery:problem:internal'])
  expect(logged).toHaveLength(1)
})
