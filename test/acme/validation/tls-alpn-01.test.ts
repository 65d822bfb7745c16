import { createHash } from 'node:crypto'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AcmeIdentifier } from '../../../src/acme/problem.ts'
import { validateChallenge } from '../../../src/acme/validation/validate.ts'
import type { SubjectName } from '../../../src/pki/names/san.ts'
import { acmeIdentifier, type Identity, type Shape, selfSigned } from './certificates.ts'
import type { Zone } from './dns-server.ts'
import { challenge, contextOf, dnsFor, failureOf, KEY_AUTHORIZATION, NAME } from './setting.ts'

const DIGEST = createHash('sha256').update(KEY_AUTHORIZATION).digest()
const LOOPBACK: Zone = { [NAME]: { A: ['127.0.0.1'] } }
const OWN: SubjectName = { type: 'dns', value: NAME }
const PROOF: Shape = { extensions: [acmeIdentifier(DIGEST)] }

async function listening(server: Server, host = '127.0.0.1') {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

/** A responder; gives what it was asked: server name and protocol. */
async function responder({ key, certificate }: Identity, options: TlsOptions = {}, host?: string) {
  const asked: string[] = []
  const server = createServer({ key, cert: certificate, ALPNProtocols: ['acme-tls/1'], ...options })
  server.on('secureConnection', (socket: TLSSocket & { servername?: string }) => {
    asked.push(`${socket.servername} ${socket.alpnProtocol}`)
    socket.on('error', () => {})
  })
  server.on('tlsClientError', () => {})
  return { ...(await listening(server, host)), asked }
}

async function validate(
  port: number,
  identifier: AcmeIdentifier = OWN as AcmeIdentifier,
  options: Parameters<typeof contextOf>[1] = {},
) {
  const dns = await dnsFor(LOOPBACK)
  await validateChallenge(
    challenge('tls-alpn-01', { identifier }),
    contextOf(dns, { tlsPort: port, ...options }),
  )
}

describe('the handshake', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'names the host and acme-tls/1 alone, over %s',
    async (version) => {
      const { port, asked } = await responder(selfSigned([OWN], PROOF), {
        minVersion: version,
        maxVersion: version,
      })
      await validate(port)
      await expect.poll(() => asked).toEqual([`${NAME} acme-tls/1`])
    },
  )

  test('names an IPv4 address in reverse', async () => {
    const { port, asked } = await responder(selfSigned([{ type: 'ip', value: '127.0.0.1' }], PROOF))
    await validate(port, { type: 'ip', value: '127.0.0.1' })
    await expect.poll(() => asked).toEqual(['1.0.0.127.in-addr.arpa acme-tls/1'])
  })

  test('names an IPv6 address in reverse, digit by digit', async () => {
    const identity = selfSigned([{ type: 'ip', value: '::1' }], PROOF)
    const { port, asked } = await responder(identity, {}, '::1')
    await validate(port, { type: 'ip', value: '::1' })
    await expect.poll(() => asked).toEqual([`1.${'0.'.repeat(31)}ip6.arpa acme-tls/1`])
  })

  test('fails where acme-tls/1 is refused', async () => {
    const { port } = await responder(selfSigned([OWN], PROOF), { ALPNProtocols: ['h2', 'http/1.1'] })
    expect(await failureOf(validate(port))).toMatch(
      /^tls unreachable: The TLS handshake with web\.example\.test, port \d+, fails \(ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL\)\.$/,
    )
  })

  test('fails where no protocol is chosen', async () => {
    const { key, certificate } = selfSigned([OWN], PROOF)
    const server = createServer({ key, cert: certificate })
    server.on('tlsClientError', () => {})
    const { port } = await listening(server)
    expect(await failureOf(validate(port))).toMatch(/^unauthorized content: .* does not speak acme-tls\/1\.$/)
  })

  test('fails where the other end does not speak TLS, or hangs up', async () => {
    const plain = await listening(createTcpServer((socket) => socket.end('HTTP/1.0 400 Bad Request\r\n\r\n')))
    expect(await failureOf(validate(plain.port))).toMatch(/^tls unreachable: .* fails \(ERR_SSL_/)
    const deaf = await listening(createTcpServer((socket) => socket.destroy()))
    expect(await failureOf(validate(deaf.port))).toMatch(/^tls unreachable: .* fails \(E/)
  })

  test('fails where nobody listens', async () => {
    const server = createTcpServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    expect(await failureOf(validate(port))).toBe(
      `connection unreachable: No connection to ${NAME}, port ${port}: 127.0.0.1 refuses.`,
    )
  })

  test('ends in time, and leaves no socket open', async () => {
    const { port, sockets } = await listening(createTcpServer((socket) => socket.resume()))
    expect(await failureOf(validate(port, undefined, { timeout: 0.2 }))).toMatch(
      /^connection unreachable: The TLS handshake with .* was not done within 0\.2 seconds\.$/,
    )
    await expect.poll(() => sockets.size).toBe(0)
  })

  test('goes to no forbidden address', async () => {
    expect(await failureOf(validate(443, { type: 'ip', value: '169.254.169.254' }))).toBe(
      'connection final: This server does not connect to 169.254.169.254, which is where clouds keep their metadata.',
    )
  })
})

describe('the certificate', () => {
  async function failureFor(identity: Identity): Promise<string> {
    const { port, sockets } = await responder(identity)
    const failure = await failureOf(validate(port))
    await expect.poll(() => sockets.size).toBe(0)
    return failure
  }

  test.each([
    [
      'another name',
      [{ type: 'dns', value: 'other.example.test' }],
      'has "dns:other.example.test", and dns:web',
    ],
    ['a second name', [OWN, { type: 'dns', value: 'other.example.test' }], 'alone was expected'],
    ['its name twice', [OWN, OWN], 'alone was expected'],
    ['a wildcard', [{ type: 'dns', value: '*.example.test' }], 'alone was expected'],
    ['an address', [{ type: 'ip', value: '127.0.0.1' }], 'has "ip:127.0.0.1"'],
    [
      'its name as an e-mail address',
      [{ type: 'email', value: `x@${NAME}` }],
      'has "email:x@web.example.test"',
    ],
    ['no name', [], 'has no name, and dns:web.example.test alone was expected'],
  ] as [string, SubjectName[], string][])('with %s is not taken', async (_, names, expected) => {
    const failure = await failureFor(selfSigned(names, PROOF))
    expect(failure).toMatch(/^incorrectResponse content: The certificate of web\.example\.test, port \d+, /)
    expect(failure).toContain(expected)
  })

  test.each([
    ['no acmeIdentifier', {}, 'has no acmeIdentifier'],
    ['one that is not critical', { extensions: [acmeIdentifier(DIGEST, false)] }, 'that is not critical'],
    [
      'another digest',
      { extensions: [acmeIdentifier(Buffer.alloc(32))] },
      `has the acmeIdentifier "${'00'.repeat(32)}", and ${DIGEST.toString('hex')} was expected`,
    ],
    ['half of the digest', { extensions: [acmeIdentifier(DIGEST.subarray(0, 16))] }, 'was expected'],
    [
      'more than the digest',
      { extensions: [acmeIdentifier(Buffer.concat([DIGEST, DIGEST]))] },
      'was expected',
    ],
    [
      'the digest without its OCTET STRING',
      { extensions: [{ oid: '1.3.6.1.5.5.7.1.31', critical: true, value: DIGEST }] },
      'cannot be read: ',
    ],
    [
      'the older acmeIdentifier',
      { extensions: [{ ...acmeIdentifier(DIGEST), oid: '1.3.6.1.5.5.7.1.30.1' }] },
      'has no acmeIdentifier',
    ],
    ['another issuer', { ...PROOF, issuer: 'Example CA' }, 'is not signed by itself'],
    ['a signature of another key', { ...PROOF, foreign: true }, 'is not signed by itself'],
  ] as [string, Shape, string][])('with %s is not taken', async (_, shape, expected) => {
    const failure = await failureFor(selfSigned([OWN], shape))
    expect(failure).toMatch(/^incorrectResponse content: /)
    expect(failure).toContain(expected)
  })
})

test('a wildcard cannot be proven', async () => {
  const dns = await dnsFor(LOOPBACK)
  expect(
    await failureOf(validateChallenge(challenge('tls-alpn-01', { wildcard: true }), contextOf(dns))),
  ).toBe(`malformed final: tls-alpn-01 cannot prove *.${NAME}.`)
  expect(await failureOf(validateChallenge(challenge('http-01', { wildcard: true }), contextOf(dns)))).toBe(
    `malformed final: http-01 cannot prove *.${NAME}.`,
  )
  expect(dns.queries).toEqual([])
})

test('an abort ends a handshake with its reason', async () => {
  const { port, sockets } = await listening(createTcpServer((socket) => socket.resume()))
  const dns = await dnsFor(LOOPBACK)
  const controller = new AbortController()
  const running = validateChallenge(
    challenge('tls-alpn-01'),
    contextOf(dns, { tlsPort: port }),
    controller.signal,
  )
  await expect.poll(() => sockets.size).toBe(1)
  const reason = new Error('shutting down')
  controller.abort(reason)
  await expect(running).rejects.toBe(reason)
  await expect.poll(() => sockets.size).toBe(0)
})
