import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OpenIdSignIn } from '../src/auth/openid.ts'
import { chancery, openChancery, publicRoutes } from '../src/index.ts'
import { csrPem } from './api/requests.ts'

/** The CA inside somebody else's application, whose own settings must not change what the CA accepts. */
let directory: string
let app: FastifyInstance
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'chancery-embedded-'))
})
afterEach(async () => {
  await app.close()
  rmSync(directory, { recursive: true })
})

async function mount(
  options: FastifyServerOptions = {},
  prepare: (host: FastifyInstance) => void = () => {},
  prefix = '/pki',
) {
  app = Fastify(options)
  prepare(app)
  await app.register(chancery, { prefix, directory, publicUrl: 'http://ca.example.test/pki/' })
  await app.ready()
}

async function post(url: string, body: unknown) {
  const authorization = `Bearer ${readFileSync(join(directory, 'admin.key'), 'utf8').trim()}`
  const headers = { authorization, 'content-type': 'application/json' }
  const answer = await app.inject({ method: 'POST', url, headers, body: JSON.stringify(body) })
  return { status: answer.statusCode, json: answer.json() }
}

const enrol = () => post('/pki/v1/certificates', { csr: csrPem(['dns:web.example.test']) })

describe('in an application with the defaults of Fastify', () => {
  test('a misspelt filter revokes nothing, and words are not taken for booleans', async () => {
    await mount()
    const { json } = await enrol()
    const bulk = (body: object) => post('/pki/v1/certificates/revoke', body)
    expect(await bulk({ filter: { nme: 'a.test' }, dryRun: false })).toMatchObject({ status: 400 })
    expect(await bulk({ filter: { name: 'web.example.test' }, dryRun: 'false' })).toMatchObject({
      status: 400,
    })
    expect(await bulk({ filter: {}, dryRun: false })).toMatchObject({ status: 400 })
    const authorization = `Bearer ${readFileSync(join(directory, 'admin.key'), 'utf8').trim()}`
    const url = `/pki/v1/certificates/${json.serialNumber}`
    expect((await app.inject({ url, headers: { authorization } })).json()).toMatchObject({ state: 'valid' })
  })

  test('a misspelt wish is refused', async () => {
    await mount()
    const { status, json } = await post('/pki/v1/certificates', {
      csr: csrPem(['dns:a.test']),
      valdity: '1h',
    })
    expect({ status, type: json.type }).toEqual({
      status: 400,
      type: 'urn:chancery:problem:malformedRequest',
    })
  })

  test('a prefix may end in a slash: tokens enrol there too', async () => {
    await mount({}, () => {}, '/pki/')
    const { json } = await post('/pki/v1/tokens', { names: { dns: ['web.example.test'] } })
    const answer = await app.inject({
      method: 'POST',
      url: '/pki/v1/certificates',
      headers: { authorization: `Bearer ${json.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ csr: csrPem(['dns:web.example.test']) }),
    })
    expect(answer.statusCode, answer.body).toBe(201)
    expect(answer.headers.location).toMatch(/^\/pki\/v1\/certificates\/[0-9a-f]+$/)
    const directory = (
      await app.inject({ url: '/pki/acme/directory', headers: { host: 'localhost' } })
    ).json()
    expect(directory.newOrder).toBe('https://localhost/pki/acme/new-order')
    expect((await app.inject('/pki/acme/new-order')).statusCode).toBe(405)
    const wrong = await app.inject({ method: 'DELETE', url: '/pki/v1/profiles' })
    expect([wrong.statusCode, wrong.headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  test('addresses in certificates have single slashes, whatever publicUrl ends in', async () => {
    await mount()
    const der = Buffer.from((await enrol()).json.certificate.replace(/-----.*-----|\n/g, ''), 'base64')
    expect(der.includes('http://ca.example.test/pki/ocsp')).toBe(true)
    expect(der.includes('http://ca.example.test/pki/crl/intermediate.crl')).toBe(true)
  })

  test('the application keeps its own errors and its own 404', async () => {
    await mount({}, (host) => {
      host.get('/fails', async () => {
        throw new Error('mine')
      })
    })
    expect((await app.inject('/fails')).json()).toMatchObject({ message: 'mine' })
    expect((await app.inject('/nothing')).json()).toMatchObject({ message: 'Route GET:/nothing not found' })
  })
})

test('an application with its own validator, parser and error handler changes nothing', async () => {
  await mount({ ajv: { customOptions: { coerceTypes: true, removeAdditional: 'all' } } }, (host) => {
    host.setValidatorCompiler(() => () => true)
    host.setErrorHandler(async () => 'swallowed')
    host.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, _body, done) =>
      done(null, 'x'),
    )
    host.addContentTypeParser('*', (_request, _payload, done) => done(null, 'y'))
  })
  expect(await enrol()).toMatchObject({ status: 201 })
  expect(await post('/pki/v1/certificates', { csr: 1 })).toMatchObject({
    status: 400,
    json: { type: 'urn:chancery:problem:malformedRequest' },
  })
})

test('an application whose schemas are not JSON schemas, and that reads JSON by itself, changes nothing', async () => {
  await mount({}, (host) => {
    const foreign = () => () => {
      throw new Error('this is no schema of mine')
    }
    host.setValidatorCompiler(foreign)
    host.setSerializerCompiler(foreign)
    host.setReplySerializer((payload) => JSON.stringify({ data: payload }))
    host.removeAllContentTypeParsers()
    host.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )
  })
  expect((await app.inject('/pki/healthz')).json()).toEqual({ status: 'ok' })
  expect((await app.inject('/pki/readyz')).json()).toMatchObject({ status: 'ready' })
  expect(await enrol()).toMatchObject({ status: 201 })
  const secrets = await post('/pki/v3/discovery:secrets', { resource_names: ['roots?crl=none'] })
  expect(secrets).toMatchObject({ status: 200, json: { resources: [{ name: 'roots?crl=none' }] } })
  expect((await app.inject('/pki/acme/directory')).json()).toHaveProperty('newNonce')
  expect((await app.inject('/pki/bundles/nothing.pem')).json()).toMatchObject({ status: 404 })
})

test('what relying parties need stands alone as well, and says what is not there', async () => {
  const service = await openChancery({ directory, publicUrl: 'http://ca.example.test/pki' })
  app = Fastify()
  await app.register(publicRoutes, { prefix: '/pki', service })
  expect((await app.inject('/pki/bundles/roots.pem')).statusCode).toBe(200)
  for (const path of [
    'bundles/nothing.pem',
    'crl/nothing.crl',
    'ca/nothing.pem',
    'bundles/nothing.crl.pem',
  ]) {
    const answer = await app.inject(`/pki/${path}`)
    expect([path, answer.statusCode, answer.headers['content-type']]).toEqual([
      ...[path, 404, 'application/problem+json'],
    ])
  }
  expect((await app.inject('/pki/v1/profiles')).statusCode).toBe(404)
  expect((await app.inject('/nothing')).json()).toMatchObject({ message: 'Route GET:/nothing not found' })
  await app.close()
  await service.close()
})

test('over HTTP/2 the service knows by which host it is asked', async () => {
  await mount({ http2: true } as FastifyServerOptions)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const host = `127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const session = connect(`http://${host}`)
  const ask = async (headers: Record<string, string>) => {
    const stream = session.request(headers)
    const [answer] = await once(stream, 'response')
    return { status: answer[':status'], body: Buffer.concat(await stream.toArray()).toString() }
  }
  const addresses = await ask({ ':path': '/pki/acme/directory' })
  expect(addresses.status, addresses.body).toBe(200)
  expect(JSON.parse(addresses.body).newOrder).toBe(`https://${host}/pki/acme/new-order`)
  expect(await ask({ ':path': '/pki/acme/directory', ':authority': 'evil.test' })).toMatchObject({
    status: 421,
  })

  const authorization = `Bearer ${readFileSync(join(directory, 'admin.key'), 'utf8').trim()}`
  const signIn = (origin: string) =>
    ask({ ':method': 'POST', ':path': '/pki/v1/session', authorization, origin })
  expect(await signIn(`https://${host}`)).toMatchObject({ status: 201 })
  expect(await signIn('https://evil.test')).toMatchObject({ status: 403 })
  session.close()
})

describe('a hook of the application that refuses', () => {
  const refusing = (statusCode: number, headers: Record<string, string> = {}) =>
    mount({}, (host) => {
      host.addHook('onRequest', async (_request, reply) => {
        reply.headers(headers)
        throw Object.assign(new Error('says the host'), { statusCode })
      })
    })

  test('for too many requests is heard in the words of each protocol, and with its Retry-After', async () => {
    await refusing(429, { 'retry-after': '60' })
    const ask = async (url: string) => {
      const { statusCode, headers, body } = await app.inject(`/pki${url}`)
      return { statusCode, retryAfter: headers['retry-after'], body }
    }
    const limited = { statusCode: 429, retryAfter: '60' }
    const rest = await ask('/v1/profiles')
    expect(rest).toMatchObject(limited)
    expect(JSON.parse(rest.body)).toMatchObject({
      type: 'urn:chancery:problem:rateLimited',
      detail: 'says the host.',
    })
    const acme = await ask('/acme/directory')
    expect(acme).toMatchObject(limited)
    expect(JSON.parse(acme.body)).toMatchObject({
      type: 'urn:ietf:params:acme:error:rateLimited',
      status: 429,
    })
    expect(await ask('/.well-known/est/cacerts')).toMatchObject({ ...limited, body: 'says the host.\n' })
    expect(await ask('/crl/intermediate.crl')).toMatchObject(limited)
    // tryLater
    expect((await app.inject('/pki/ocsp/MAA=')).rawPayload).toEqual(Buffer.from('30030a0103', 'hex'))
  })

  test.each([
    [401, 401, 'unauthenticated'],
    [403, 403, 'forbidden'],
    [418, 400, 'malformedRequest'],
    [503, 503, 'overloaded'],
    [502, 500, 'internal'],
  ])('with %i is no fault of the service', async (wanted, status, code) => {
    await refusing(wanted, { 'retry-after': '7', 'www-authenticate': 'Basic' })
    const answer = await app.inject('/pki/v1/profiles')
    expect([answer.statusCode, answer.json().type]).toEqual([status, `urn:chancery:problem:${code}`])
    expect([answer.headers['retry-after'], answer.headers['www-authenticate']]).toEqual(['7', 'Basic'])
  })
})

test('an application may number its requests', async () => {
  let requests = 0
  await mount({ genReqId: () => ++requests as unknown as string })
  expect(await enrol()).toMatchObject({ status: 201 })
  const authorization = `Bearer ${readFileSync(join(directory, 'admin.key'), 'utf8').trim()}`
  const { entries } = (await app.inject({ url: '/pki/v1/audit', headers: { authorization } })).json()
  expect(entries[0]).toMatchObject({ action: 'certificate.issue', requestId: '1' })
})

test('an application that outlives its service says that the service shuts down', async () => {
  const service = await openChancery({ directory, publicUrl: 'http://ca.example.test' })
  app = Fastify()
  await app.register(chancery, { prefix: '/pki', service })
  await service.close()
  const refused = { status: 503, json: { type: 'urn:chancery:problem:storeFailed' } }
  expect(await enrol()).toMatchObject(refused)
  expect(await post('/pki/v1/tokens', { names: { dns: ['web.example.test'] } })).toMatchObject(refused)
})

test('a passphrase is made for a new CA alone: without that of one that is there, nothing opens and nothing is put there', async () => {
  app = Fastify()
  const options = { directory, publicUrl: 'http://ca.example.test' }
  await (await openChancery({ ...options, passphrase: 'of our own' })).close()
  const opening = openChancery(options)
  await expect(opening).rejects.toMatchObject({ detail: expect.stringContaining('passphrase') })
  await expect(opening).rejects.toMatchObject({ detail: expect.stringContaining('is missing') })
  expect(readdirSync(directory)).not.toContain('passphrase')
  await (await openChancery({ ...options, passphrase: 'of our own' })).close()
})

test('options of chancery.yaml count in "options", and are refused beside it, where nothing would read them', async () => {
  app = Fastify()
  const profiles = { server: { validity: { default: '1h' } } }
  const options = { directory, publicUrl: 'http://ca.example.test' }
  const misplaced = { ...options, profiles, acme: { enabled: false } }
  const refusal = {
    code: 'badConfiguration',
    detail: 'Options of chancery.yaml stand in "options": write options: { profiles, acme }.',
  }
  await expect(openChancery(misplaced)).rejects.toMatchObject(refusal)
  expect(readdirSync(directory)).toEqual([])
  await app.register(chancery, {
    prefix: '/pki',
    ...options,
    options: { profiles, acme: { enabled: false } },
  })
  expect((await app.inject('/pki/acme/directory')).statusCode).toBe(404)
  const { notBefore, notAfter } = (await enrol()).json
  expect(Date.parse(notAfter) - Date.parse(notBefore)).toBeLessThan(2 * 3_600_000)
})

test.each([
  ['Deno 2.9.6', { node: '26.3.0', deno: '2.9.6' }],
  ['20.19.5', { node: '20.19.5', deno: undefined }],
])('%s is refused by its name, before anything is written', async (name, versions) => {
  app = Fastify()
  const own = Object.getOwnPropertyDescriptor(process, 'versions')!
  Object.defineProperty(process, 'versions', { ...own, value: { ...process.versions, ...versions } })
  try {
    await expect(openChancery({ directory, publicUrl: 'http://ca.example.test' })).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining(`needs Node.js 24 or newer, and this is ${name}`),
    })
  } finally {
    Object.defineProperty(process, 'versions', own)
  }
  expect(readdirSync(directory)).toEqual([])
})

test('an application that gave up waiting for the plugin closes the service all the same', async () => {
  app = Fastify({ pluginTimeout: 1 })
  const options = { directory, publicUrl: 'http://ca.example.test' }
  app.register(chancery, { prefix: '/pki', ...options })
  await expect(app.ready()).rejects.toMatchObject({ code: 'FST_ERR_PLUGIN_TIMEOUT' })
  await app.close()
  expect(existsSync(join(directory, 'chancery.db'))).toBe(true)
  await (await openChancery(options)).close()
})

test('an application with a CA for each of many tenants is not warned of a leak', async () => {
  const service = await openChancery({ directory, publicUrl: 'http://ca.example.test' })
  app = Fastify()
  for (let tenant = 0; tenant < 12; tenant++) app.register(chancery, { prefix: `/tenant-${tenant}`, service })
  await app.ready()
  const { server } = app
  const listeners = server.eventNames().map((event) => [event, server.listenerCount(event)] as const)
  expect(listeners.filter(([, count]) => count > server.getMaxListeners())).toEqual([])
  expect(server.listenerCount('secureConnection')).toBe(1)
  await service.close()
})

test('a service that was opened outside stays open when the application closes', async () => {
  const service = await openChancery({ directory, publicUrl: 'http://ca.example.test' })
  app = Fastify()
  await app.register(chancery, { prefix: '/pki', service })
  expect((await app.inject('/pki/readyz')).json()).toMatchObject({ status: 'ready' })
  await app.close()
  expect(service.health().every(({ ok }) => ok)).toBe(true)
  await service.close()
})

test.each(['/pki', '/pki/'])(
  'who signs in by a provider comes to the console, mounted at %s',
  async (prefix) => {
    const service = await openChancery({ directory, publicUrl: 'http://ca.example.test' })
    const begun = { state: 'state', nonce: 'nonce', verifier: 'verifier' }
    const openId: OpenIdSignIn = {
      takesBearers: false,
      begin: async () => ({ url: 'https://provider.test/', begun }),
      finish: async () => ({ name: 'Ada', principal: { kind: 'auditor', id: 'oidc:ada' } }),
      bearer: () => Promise.reject(new Error('none')),
    }
    Object.assign(service.access, { openId })
    app = Fastify()
    await app.register(chancery, { prefix, service })
    const look = await app.inject({ method: 'HEAD', url: '/pki/v1/session/oidc' })
    expect([look.statusCode, look.headers['set-cookie']]).toEqual([302, undefined])
    const begin = await app.inject('/pki/v1/session/oidc')
    const cookie = String(begin.headers['set-cookie']).split(';', 1)[0]!
    const back = await app.inject({
      url: '/pki/v1/session/oidc/callback?code=code&state=state',
      headers: { cookie },
    })
    expect([back.statusCode, back.headers.location]).toEqual([303, '/pki/console/'])
    const page = await app.inject('/pki/console/')
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect((await app.inject('/pki/console')).headers.location).toBe('console/')
    await app.close()
    await service.close()
  },
)
