import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Server as TlsServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deflateSync, gzipSync } from 'node:zlib'
import { credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GrpcSds } from '../../../src/api/sds/grpc.ts'
import { parseOcspResponse } from '../../../src/ocsp/parse-response.ts'
import { SECRET_TYPE } from '../../../src/sds/secret.ts'
import { eventually } from '../../eventually.ts'
import { freePort } from '../../free-port.ts'
import { toolIsMissing } from '../../pki/external-tool.ts'
import { DAY, TestCa } from '../ca-fixture.ts'
import { csrPem, type Identity, keyPem, newKey } from '../requests.ts'

const PROTO = fileURLToPath(new URL('../../../proto/secret-discovery.proto', import.meta.url))
const WEB = 'dns:web.example.test?key=/etc/envoy/web.key'

let ca: TestCa
let port: number
let ends: (() => void)[]

beforeEach(async () => {
  ends = []
  ca = await TestCa.create()
  port = await ca.listen()
})
afterEach(async () => {
  for (const end of ends) end()
  await ca.close()
})

async function enrol(name: string, profile = 'server'): Promise<Identity & { serialNumber: string }> {
  const key = newKey()
  const { certificate, serialNumber } = await ca.enrol(csrPem([`dns:${name}`], { key }), { profile })
  return { key: keyPem(key), certificate, serialNumber }
}
const revoke = (serialNumber: string) => ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })

// biome-ignore lint/suspicious/noExplicitAny: what the library makes of the file has no types
type Any = any

/** As Envoy is: a client of the same file's service, with a certificate or with a bearer secret. */
function client(identity?: Identity, bearer?: string, at = port) {
  const loaded = loadPackageDefinition(loadSync(PROTO, { keepCase: true, defaults: true })) as Any
  const secure = credentials.createSsl(
    Buffer.from(ca.rootPem),
    identity ? Buffer.from(identity.key) : null,
    identity ? Buffer.from(identity.certificate) : null,
  )
  const stub = new loaded.envoy.service.secret.v3.SecretDiscoveryService(`localhost:${at}`, secure)
  ends.push(() => stub.close())
  const metadata = new Metadata()
  if (bearer !== undefined) metadata.set('authorization', `Bearer ${bearer}`)
  return {
    fetch: (request: object) =>
      new Promise<Any>((resolve, reject) =>
        stub.FetchSecrets(
          { type_url: SECRET_TYPE, ...request },
          metadata,
          (error: Error | null, answer: unknown) => (error ? reject(error) : resolve(answer)),
        ),
      ),
    stream() {
      const call = stub.StreamSecrets(metadata)
      const answers: Any[] = []
      const errors: Any[] = []
      call.on('data', (answer: unknown) => answers.push(answer))
      call.on('error', (error: unknown) => errors.push(error))
      return {
        answers,
        errors,
        call,
        write: (request: object) => call.write({ type_url: SECRET_TYPE, ...request }),
        /** Waits until so many answers have come; the last of them. */
        answer: async (count: number) => {
          await eventually(() => expect(answers.length + errors.length).toBeGreaterThanOrEqual(count))
          expect(errors).toEqual([])
          return answers[count - 1]
        },
      }
    },
  }
}
const stapled = (answer: Any) =>
  parseOcspResponse(answer.resources[0].value.tls_certificate.ocsp_staple.inline_bytes).responses[0]!

describe('a stream', () => {
  test('gives a certificate with its staple, and a new staple when it is revoked', async () => {
    const identity = await enrol('web.example.test', 'peer')
    const admin = client(undefined, ca.adminKey).stream()
    admin.write({ resource_names: [WEB] })
    const first = await admin.answer(1)
    expect(first).toMatchObject({ type_url: SECRET_TYPE, resources: [{ type_url: SECRET_TYPE }] })
    expect(first.resources[0].value).toMatchObject({
      name: WEB,
      tls_certificate: { private_key: { filename: '/etc/envoy/web.key' } },
    })
    expect(stapled(first).status).toBe('good')
    admin.write({ resource_names: [WEB], version_info: first.version_info, response_nonce: first.nonce })
    await revoke(identity.serialNumber)
    const second = await admin.answer(2)
    expect(stapled(second).status).toMatchObject({ reason: 0 })
    expect(second.nonce).not.toBe(first.nonce)
    expect(second.version_info).not.toBe(first.version_info)
  })

  test('gives a newer certificate as soon as it is issued, and CRLs with every revocation', async () => {
    await enrol('web.example.test')
    const stream = client(undefined, ca.adminKey).stream()
    stream.write({ resource_names: [WEB] })
    const first = await stream.answer(1)
    const { serialNumber } = await enrol('web.example.test')
    expect(stapled(await stream.answer(2)).certId.serialNumber).toBe(serialNumber)
    expect(stapled(first).certId.serialNumber).not.toBe(serialNumber)

    const trust = client(undefined, ca.adminKey).stream()
    trust.write({ resource_names: ['roots'] })
    const before = (await trust.answer(1)).resources[0].value.validation_context
    expect(before.trusted_ca.inline_string).toBe(ca.rootPem)
    await revoke((await enrol('gone.example.test')).serialNumber)
    const after = (await trust.answer(2)).resources[0].value.validation_context
    expect(after.crl.inline_string).not.toBe(before.crl.inline_string)
  })

  test('follows what is asked for', async () => {
    const stream = client(undefined, ca.adminKey).stream()
    stream.write({ resource_names: ['roots'] })
    const first = await stream.answer(1)
    const ack = { version_info: first.version_info, response_nonce: first.nonce }
    stream.write({ resource_names: ['roots', 'intermediate'], ...ack })
    expect((await stream.answer(2)).resources[0].value.name).toBe('intermediate')
    // Nothing that was sent is sent again.
    stream.write({ resource_names: ['roots', 'intermediate', 'root'], ...ack })
    expect((await stream.answer(3)).resources[0].value.name).toBe('root')
    expect(stream.answers).toHaveLength(3)
  })

  test('logs why Envoy refused a secret, and does not send the same again at once', async () => {
    const stream = client(undefined, ca.adminKey).stream()
    stream.write({ resource_names: ['roots'] })
    const { nonce } = await stream.answer(1)
    stream.write({
      resource_names: ['roots'],
      response_nonce: nonce,
      error_detail: { code: 3, message: 'Failed to load private key' },
    })
    await eventually(() => expect(ca.log.join()).toContain('Failed to load private key'))
    expect(stream.answers).toHaveLength(1)
    // When the key file may be there by now, it is.
    ca.now += 10_000
    await revoke((await enrol('other.example.test')).serialNumber)
    await stream.answer(2)
  })

  test('is for holders of a certificate, who hear of its revocation', async () => {
    const stranger = client().stream()
    stranger.write({ resource_names: ['roots'] })
    await eventually(() => expect(stranger.errors).toMatchObject([{ code: status.UNAUTHENTICATED }]))

    const identity = await enrol('web.example.test', 'peer')
    const own = client(identity).stream()
    own.write({ resource_names: [WEB] })
    expect(stapled(await own.answer(1)).certId.serialNumber).toBe(identity.serialNumber)
    await revoke(identity.serialNumber)
    expect(stapled(await own.answer(2)).status).toMatchObject({ reason: 0 })
  })

  test('ends with its connection when the client certificate has expired, since the next may be made with another', async () => {
    const server = ca.tls.server as unknown as TlsServer
    const connections = promisify(server.getConnections.bind(server))
    const identity = await enrol('web.example.test', 'peer')
    const stream = client(identity).stream()
    stream.write({ resource_names: [WEB] })
    await stream.answer(1)
    ca.now += 400 * DAY * 1000
    await ca.enrol(csrPem(['dns:another.example.test']))
    await eventually(() => expect(stream.errors).toMatchObject([{ code: status.UNAUTHENTICATED }]))
    await eventually(async () => expect(await connections()).toBe(0))
  })

  test('is refused to a stranger who says nothing', async () => {
    const stranger = client().stream()
    await eventually(() => expect(stranger.errors).toMatchObject([{ code: status.UNAUTHENTICATED }]))
  })

  test('is one of many that hear of a revocation at once: more than searches may wait', async () => {
    const { serialNumber } = await enrol('web.example.test')
    const streams = Array.from({ length: 4 }, () => client(undefined, ca.adminKey)).flatMap((one) =>
      Array.from({ length: 60 }, () => one.stream()),
    )
    for (const [n, stream] of streams.entries()) {
      stream.write({ resource_names: [`dns:web.example.test?key=/etc/envoy/${n}.key`] })
    }
    for (const stream of streams) await stream.answer(1)
    await revoke(serialNumber)
    for (const stream of streams) {
      expect(stapled(await stream.answer(2)).status).toMatchObject({ reason: 0 })
    }
    expect(ca.log.filter((line) => line.includes('A secret is withheld'))).toEqual([])
  })

  test('leaves a few lines in the log, however many streams a stranger begins, and however much Envoy says', async () => {
    const stranger = client()
    const streams = Array.from({ length: 50 }, () => stranger.stream())
    await eventually(() => expect(streams.every(({ errors }) => errors.length > 0)).toBe(true))
    const ended = () => ca.log.filter((line) => line.includes('A stream of secrets was ended'))
    expect(ended().length).toBeGreaterThan(0)
    expect(ended().length).toBeLessThan(10)

    const known = client(undefined, ca.adminKey).stream()
    known.write({ resource_names: ['roots'] })
    const { nonce } = await known.answer(1)
    const message = 'x'.repeat(100_000)
    known.write({ resource_names: ['roots'], response_nonce: nonce, error_detail: { code: 3, message } })
    const refused = () => ca.log.filter((line) => line.includes('Envoy refused a secret'))
    await eventually(() => expect(refused()).toHaveLength(1))
    expect(refused()[0]!.length).toBeLessThan(2000)
  })

  test('asks for a bounded number of secrets of bounded names', async () => {
    const many = client(undefined, ca.adminKey).stream()
    many.write({ resource_names: Array.from({ length: 101 }, (_, n) => `authority-${n}`) })
    await eventually(() => expect(many.errors).toMatchObject([{ code: status.INVALID_ARGUMENT }]))
    const long = client(undefined, ca.adminKey).stream()
    long.write({ resource_names: [`self?key=/${'k'.repeat(5000)}`] })
    await eventually(() => expect(long.errors).toMatchObject([{ code: status.INVALID_ARGUMENT }]))
  })

  test('says once what it cannot give among several, and gives the others', async () => {
    const stream = client(undefined, ca.adminKey).stream()
    stream.write({ resource_names: ['nobody', 'roots'] })
    expect((await stream.answer(1)).resources[0].value.name).toBe('roots')
    await revoke((await enrol('one.example.test')).serialNumber)
    await stream.answer(2)
    expect(ca.log.join().match(/A secret is withheld/g)).toHaveLength(1)
  })

  test('makes nothing more for a client that does not read', async () => {
    const big = Array.from({ length: 60 }, (_, n) => `dns:web.example.test?key=/${n}${'k'.repeat(3900)}`)
    await enrol('web.example.test')
    const stream = client(undefined, ca.adminKey).stream()
    const { respond } = ca.service.ocsp
    let made = 0
    vi.spyOn(ca.service.ocsp, 'respond').mockImplementation((request) => {
      made++
      return respond.call(ca.service.ocsp, request)
    })
    stream.call.pause()
    stream.write({ resource_names: big })
    await eventually(() => expect(made).toBeGreaterThan(5))
    let stalled = 0
    while (stalled !== made) {
      stalled = made
      await setTimeout(300)
    }
    expect(stalled).toBeLessThan(60)
    stream.call.resume()
    await stream.answer(60)
    // What changes meanwhile (a CRL, an issuance) has all of them looked at again, but sends none twice.
    expect(new Set(stream.answers.map((answer) => answer.resources[0].value.name))).toEqual(new Set(big))
  })

  test.each([
    [{ resource_names: ['Nothing'] }, status.INVALID_ARGUMENT],
    [{ resource_names: ['nobody'] }, status.NOT_FOUND],
    [{ resource_names: ['roots'], type_url: 'other' }, status.INVALID_ARGUMENT],
  ])('for %o ends with %i and the reason', async (request, code) => {
    const stream = client(undefined, ca.adminKey).stream()
    stream.write(request)
    await eventually(() => expect(stream.errors).toMatchObject([{ code }]))
    expect(stream.errors[0].details.length).toBeGreaterThan(20)
  })
})

test('at the bound of streams whoever has most gives one up for another, and is refused one more', async () => {
  const sds = new GrpcSds(ca.service, ca.logger, 4)
  ends.push(() => sds.close())
  ca.tls.server.removeAllListeners('secureConnection')
  ca.tls.server.on('secureConnection', (socket) => sds.take(socket))
  const crowd = client(await enrol('crowd.example.test', 'peer'))
  const asking = async (from: ReturnType<typeof client>) => {
    const stream = from.stream()
    stream.write({ resource_names: ['roots'] })
    await eventually(() => expect(stream.answers.length + stream.errors.length).toBe(1))
    return stream
  }
  const held = [await asking(crowd), await asking(crowd), await asking(crowd), await asking(crowd)]
  expect((await asking(crowd)).errors).toMatchObject([{ code: status.RESOURCE_EXHAUSTED }])
  const other = client(await enrol('other.example.test', 'peer'))
  const others = [await asking(other), await asking(other)]
  expect(others.map(({ errors }) => errors)).toEqual([[], []])
  await eventually(() => expect(held.map(({ errors }) => errors.length)).toEqual([1, 1, 0, 0]))
  expect((await asking(other)).errors).toMatchObject([{ code: status.RESOURCE_EXHAUSTED }])
  // One that ends makes room for anybody.
  held[2]!.call.cancel()
  await eventually(async () => expect((await asking(crowd)).errors).toEqual([]))
})

test('of two connections that look alike from here neither is taken for the other’s client', async () => {
  // One client's port may lead to two addresses of this machine at once, as behind an address translator.
  const service = createServer((socket) => ca.tls.server.emit('connection', socket))
  service.listen(0, '0.0.0.0')
  await once(service, 'listening')
  const localPort = await freePort()
  const by = async (host: string) => {
    const translator = createServer((socket) => {
      const { port: to } = service.address() as AddressInfo
      const onward = connectTcp({ host, port: to, localAddress: '127.0.0.1', localPort })
      for (const one of [socket, onward]) one.on('error', () => {})
      socket.pipe(onward).pipe(socket)
    }).listen(0, '127.0.0.1')
    await once(translator, 'listening')
    ends.push(() => translator.close())
    return (translator.address() as AddressInfo).port
  }
  ends.push(() => service.close())
  const own = { resource_names: ['self?key=/etc/envoy/web.key'] }
  const web = await enrol('web.example.test', 'peer')
  const first = client(web, undefined, await by('127.0.0.1'))
  const certificateOf = async () =>
    (await first.fetch(own)).resources[0].value.tls_certificate.certificate_chain
  expect((await certificateOf()).inline_string).toContain(web.certificate)
  const other = client(await enrol('other.example.test', 'peer'), undefined, await by('127.0.0.2'))
  await expect(other.fetch(own)).rejects.toMatchObject({ code: status.UNAVAILABLE })
  expect((await certificateOf()).inline_string).toContain(web.certificate)
})

test('one secret can be fetched without a stream', async () => {
  const answer = await client(undefined, ca.adminKey).fetch({ resource_names: ['roots'] })
  expect(answer.resources[0].value.name).toBe('roots')
  await expect(client(undefined, ca.adminKey).fetch({ resource_names: [] })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  })
  await expect(client().fetch({ resource_names: ['roots'] })).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
  })
})

test('a fault of the service while one is fetched is in the log, and the caller hears nothing of it', async () => {
  await enrol('web.example.test')
  vi.spyOn(ca.service.ocsp, 'respond').mockRejectedValueOnce(new Error('A fault of the test.'))
  const fetched = client(undefined, ca.adminKey).fetch({ resource_names: [WEB] })
  await expect(fetched).rejects.toMatchObject({ code: status.INTERNAL, details: 'Internal error.' })
  expect(ca.log.filter((line) => line.includes('A fault of the test.'))).toHaveLength(1)
})

test('a stranger is refused before a message is read, and holds no memory with one that never ends', async () => {
  const session = connect(`https://localhost:${port}`, { ca: ca.rootPem })
  ends.push(() => session.destroy())
  const call = session.request({
    ...{ ':method': 'POST', ':path': '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets' },
    ...{ 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${'x'.repeat(40)}` },
  })
  // A message of 1 MiB is announced.
  call.write(Buffer.from([0, 0, 0x10, 0, 0, 1, 2, 3]))
  const [headers] = await once(call, 'response')
  expect(headers).toMatchObject({ 'grpc-status': String(status.UNAUTHENTICATED) })
})

test.each(['gzip', 'deflate'])('a message in %s is refused, and never unpacked', async (coding) => {
  const session = connect(`https://localhost:${port}`, { ca: ca.rootPem })
  ends.push(() => session.destroy())
  const call = session.request({
    ...{ ':method': 'POST', ':path': '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets' },
    ...{ 'content-type': 'application/grpc', te: 'trailers', authorization: `Bearer ${ca.adminKey}` },
    'grpc-encoding': coding,
  })
  // Field 3 with "roots".
  const message = Buffer.from('1a05726f6f7473', 'hex')
  const packed = coding === 'gzip' ? gzipSync(message) : deflateSync(message)
  call.write(Buffer.concat([Buffer.from([1, 0, 0, 0, packed.length]), packed]))
  const [headers] = await once(call, 'response')
  const [trailers] = headers['grpc-status'] ? [headers] : await once(call.resume(), 'trailers')
  expect(trailers).toMatchObject({ 'grpc-status': String(status.UNIMPLEMENTED) })
})

test.skipIf(toolIsMissing('curl'))('whoever can speak HTTP/1.1 goes on to do so', async () => {
  const root = join(ca.directory, 'root.pem')
  const { stdout } = await promisify(execFile)('curl', [
    ...['-sS', '--http2', '--cacert', root, '--resolve', `localhost:${port}:127.0.0.1`],
    ...['-o', '/dev/null', '-w', '%{http_version} %{http_code}', `https://localhost:${port}/healthz`],
  ])
  expect(stdout).toBe('1.1 200')
})
