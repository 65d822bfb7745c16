import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sdsRoutes } from '../../../src/api/sds/rest.ts'
import { ocspError } from '../../../src/ocsp/answer.ts'
import { parseOcspResponse } from '../../../src/ocsp/parse-response.ts'
import { decodePem } from '../../../src/pki/pem.ts'
import { SECRET_TYPE } from '../../../src/sds/secret.ts'
import { type Call, DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem, type Identity, keyPem, newKey } from '../requests.ts'

const KEY_FILE = '/etc/envoy/web.key'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      // As somebody may write it.
      sds: { clients: ['dns:Edge.Example.Test'] },
      profiles: { wild: { extends: 'server', names: { dns: { wildcards: true } } } },
    },
  })
  await ca.listen()
})
afterAll(() => ca.close())

/** As Envoy asks, with a long description of itself. */
const ask = (name: string, more: object = {}, call: Call & { identity?: Identity } = {}) =>
  ca.send('/v3/discovery:secrets', {
    body: {
      node: {
        id: 'edge-1',
        cluster: 'edge',
        extensions: Array.from({ length: 700 }, (_, n) => ({
          name: `envoy.ext.${n}`,
          type_urls: ['x'.repeat(60)],
        })),
      },
      resource_names: [name],
      type_url: SECRET_TYPE,
      ...more,
    },
    ...call,
  })

async function enrol(name: string, profile = 'server'): Promise<Identity & { serialNumber: string }> {
  const key = newKey()
  const { certificate, serialNumber } = await ca.enrol(csrPem([`dns:${name}`], { key }), { profile })
  return { key: keyPem(key), certificate, serialNumber }
}
const revoke = (serialNumber: string) => ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
const only = (json: { resources: Record<string, never>[] }) => {
  expect(json.resources).toHaveLength(1)
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  return json.resources[0] as any
}
const stapled = (resource: ReturnType<typeof only>) =>
  parseOcspResponse(Buffer.from(resource.tls_certificate.ocsp_staple.inline_bytes, 'base64')).responses[0]!

test('a certificate comes with its chain, its staple, and the place of the key', async () => {
  const { serialNumber, certificate } = await enrol('web.example.test')
  const name = `dns:web.example.test?key=${KEY_FILE}`
  const { status, headers, json } = await ask(name)
  expect(status).toBe(200)
  expect(headers['content-type']).toMatch(/^application\/json/)
  const resource = only(json)
  expect(resource).toMatchObject({ '@type': SECRET_TYPE, name })
  const { certificate_chain, private_key } = resource.tls_certificate
  expect(private_key).toEqual({ filename: KEY_FILE })
  const chain = decodePem(certificate_chain.inline_string, 'chain').map(({ der }) => der)
  expect(chain).toEqual([
    decodePem(certificate, 'leaf')[0]!.der,
    ca.service.authorities.issuing().certificate.der,
  ])
  expect(stapled(resource)).toMatchObject({ status: 'good', certId: { serialNumber } })
})

test('who wants no staple waits for none: the certificate comes also while no OCSP response can be signed', async () => {
  const { serialNumber } = await enrol('plain.example.test')
  const name = `serial:${serialNumber}?key=${KEY_FILE}`
  const { ocsp } = ca.service
  const { respond } = ocsp
  ocsp.respond = async () => ocspError('tryLater')
  try {
    expectProblem(await ask(name), 503, 'authorityNotReady')
    const { status, json } = await ask(`${name}&staple=none`)
    expect(status).toBe(200)
    expect(only(json).tls_certificate).not.toHaveProperty('ocsp_staple')
  } finally {
    ocsp.respond = respond
  }
})

test('what Envoy has already is not sent again, and what changed is', async () => {
  const { serialNumber } = await enrol('same.example.test')
  const name = `dns:same.example.test?key=${KEY_FILE}`
  const { version_info } = (await ask(name)).json
  const again = await ask(name, { version_info })
  expect([again.status, again.text]).toEqual([304, ''])
  await revoke(serialNumber)
  const after = await ask(name, { version_info })
  expect(after.status).toBe(200)
  expect(after.json.version_info).not.toBe(version_info)
  // Nothing else has this name, so every client is to hear that it is revoked.
  expect(stapled(only(after.json)).status).toMatchObject({ reason: 0 })
  const { serialNumber: next } = await enrol('same.example.test')
  expect(stapled(only((await ask(name)).json))).toMatchObject({
    status: 'good',
    certId: { serialNumber: next },
  })
})

describe('trust', () => {
  test('is the roots, and a current CRL for every CA', async () => {
    const { validation_context: context } = only((await ask('roots')).json)
    expect(context.trusted_ca.inline_string).toBe(ca.rootPem)
    expect(context.crl.inline_string.match(/BEGIN X509 CRL/g)).toHaveLength(2)
    const one = only((await ask('intermediate')).json).validation_context
    expect(one.trusted_ca.inline_string).toBe(ca.rootPem)
    expect(only((await ask('roots?crl=none')).json).validation_context).toEqual({
      trusted_ca: context.trusted_ca,
    })
  })

  test('changes with a revocation before the call returns', async () => {
    const { version_info } = (await ask('roots')).json
    expect((await ask('roots', { version_info })).status).toBe(304)
    await revoke((await enrol('gone.example.test')).serialNumber)
    expect((await ask('roots', { version_info })).status).toBe(200)
  })
})

describe('a client certificate', () => {
  test('fetches certificates that share a name with it, and trust', async () => {
    const identity = await enrol('own.example.test', 'peer')
    expect((await ask('roots', {}, { identity })).status).toBe(200)
    expect((await ask(`dns:own.example.test?key=${KEY_FILE}`, {}, { identity })).status).toBe(200)
    expect((await ask(`serial:${identity.serialNumber}?key=${KEY_FILE}`, {}, { identity })).status).toBe(200)
    await enrol('other.example.test')
    const refused = await ask(`dns:other.example.test?key=${KEY_FILE}`, {}, { identity })
    expectProblem(refused, 403, 'forbidden')
    expect(refused.json.detail).toContain('sds.clients')
  })

  test('with a name in sds.clients fetches all', async () => {
    const identity = await enrol('edge.example.test', 'client')
    await enrol('any.example.test')
    expect((await ask(`dns:any.example.test?key=${KEY_FILE}`, {}, { identity })).status).toBe(200)
  })

  test('finds itself, and after a renewal the newest', async () => {
    const identity = await enrol('self.example.test', 'peer')
    const self = async () =>
      stapled(only((await ask(`self?key=${KEY_FILE}`, {}, { identity })).json)).certId.serialNumber
    expect(await self()).toBe(identity.serialNumber)
    const renewed = await ca.send(`/v1/certificates/${identity.serialNumber}/renew`, { identity, body: {} })
    expect(renewed.status, renewed.text).toBe(201)
    expect(await self()).toBe(renewed.json.serialNumber)
  })

  test('that is revoked hears so of itself, and fetches nothing of others any more', async () => {
    const identity = await enrol('edge.example.test', 'peer')
    await revoke(identity.serialNumber)
    const as = { identity, headers: { connection: 'keep-alive' } }
    const answer = await ask(`serial:${identity.serialNumber}?key=${KEY_FILE}`, {}, as)
    expect(answer.headers.connection).toBe('keep-alive')
    expect(stapled(only(answer.json)).status).toMatchObject({ reason: 0 })
    await enrol('unrelated.example.test')
    const refused = await ask(`dns:unrelated.example.test?key=${KEY_FILE}`, {}, as)
    expectProblem(refused, 403, 'certificateRevoked')
    // The next connection may be made with a newer certificate.
    expect(refused.headers.connection).toBe('close')
  })

  test('of another CA fetches nothing', async () => {
    const key = newKey()
    const stranger = await TestCa.create()
    const { certificate } = await stranger.enrol(csrPem(['dns:web.example.test'], { key }), {
      profile: 'client',
    })
    await stranger.close()
    expectProblem(
      await ask('roots', {}, { identity: { key: keyPem(key), certificate } }),
      401,
      'unauthenticated',
    )
  })

  test('is needed', async () => {
    expectProblem(await ask('roots', {}, { as: null }), 401, 'unauthenticated')
    const { token } = await ca.token({ profile: 'server', names: ['dns:x.example.test'] })
    expectProblem(await ask('roots', {}, { as: token }), 403, 'forbidden')
  })
})

test('a server certificate is preferred to a client’s of the same name', async () => {
  const server = await enrol('both.example.test', 'server')
  const client = await enrol('both.example.test', 'client')
  const serialFor = async (use: string) =>
    stapled(only((await ask(`dns:both.example.test?key=${KEY_FILE}${use}`)).json)).certId.serialNumber
  expect(await serialFor('')).toBe(server.serialNumber)
  expect(await serialFor('&use=client')).toBe(client.serialNumber)
})

test('a certificate that begins later is given once it has begun', async () => {
  const now = await enrol('begins.example.test')
  ca.now += 3_600_000
  const later = await enrol('begins.example.test')
  ca.now -= 3_600_000
  const name = `dns:begins.example.test?key=${KEY_FILE}`
  const given = async () => stapled(only((await ask(name)).json)).certId.serialNumber
  expect(await given()).toBe(now.serialNumber)
  ca.now += 3_600_000
  expect(await given()).toBe(later.serialNumber)
})

test('of several certificates for a wildcard the newest comes, whatever else there is below its domain', async () => {
  await enrol('*.wild.example.test', 'wild')
  await enrol('web.wild.example.test')
  const newest = await enrol('*.wild.example.test', 'wild')
  await enrol('a.wild.example.test')
  const { json } = await ask(`dns:*.wild.example.test?key=${KEY_FILE}`)
  expect(stapled(only(json)).certId.serialNumber).toBe(newest.serialNumber)
})

test.each([
  ['a name that means nothing', { resource_names: ['Server'] }],
  ['two names', { resource_names: ['roots', 'intermediate'] }],
  ['no name', { resource_names: [] }],
  ['another type', { type_url: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' }],
  ['names that are none', { resource_names: 'roots' }],
])('%s is a 400', async (_what, more) => {
  expectProblem(await ask('roots', more), 400, 'malformedRequest')
})

test('what is not there is a 404, and a body that is no JSON a 400', async () => {
  expectProblem(await ask(`dns:nobody.example.test?key=${KEY_FILE}`), 404, 'notFound')
  await enrol('only-client.example.test', 'client')
  const { json } = await ask(`dns:only-client.example.test?key=${KEY_FILE}`)
  expect(json).toMatchObject({
    detail:
      'No certificate for dns:only-client.example.test is valid now and for TLS servers; "&use=client" asks for one of a TLS client.',
  })
  expectProblem(await ask('nobody'), 404, 'notFound')
  const broken = await ca.send('/v3/discovery:secrets', {
    body: '{',
    headers: { 'content-type': 'application/json' },
  })
  expectProblem(broken, 400, 'malformedRequest')
})

test('a CRL that has lapsed withholds the trust that needs it', async () => {
  const lapsed = await TestCa.create({ options: { crl: { validity: '1h', refresh: '30m' } } })
  try {
    lapsed.now += DAY * 1000
    const answer = await lapsed.call('/v3/discovery:secrets', { body: { resource_names: ['roots'] } })
    expectProblem(answer, 503, 'authorityNotReady')
    const bare = await lapsed.call('/v3/discovery:secrets', { body: { resource_names: ['roots?crl=none'] } })
    expect(bare.status).toBe(200)
  } finally {
    await lapsed.close()
  }
})

test('all who ask for trust are sent one copy of it, which slow readers then share, until a CRL changes', async () => {
  const app = Fastify()
  const sent: unknown[] = []
  app.addHook('onSend', async (_request, _reply, payload) => void sent.push(payload))
  await app.register(sdsRoutes, { service: ca.service })
  const fetched = async () => {
    const answer = await app.inject({
      ...{ method: 'POST', url: '/v3/discovery:secrets', payload: { resource_names: ['roots'] } },
      headers: { authorization: `Bearer ${ca.adminKey}` },
    })
    return only(answer.json()).validation_context.crl.inline_string
  }
  const crl = await fetched()
  expect(await fetched()).toBe(crl)
  expect(sent[0]).toBeInstanceOf(Buffer)
  expect(sent[1]).toBe(sent[0])
  await revoke((await enrol('shared.example.test')).serialNumber)
  expect(await fetched()).not.toBe(crl)
  await app.close()
})
