import * as http from 'node:http'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { validationContext } from '../../../src/acme/validation/context.ts'
import { validateChallenge } from '../../../src/acme/validation/validate.ts'
import { selfSigned } from './certificates.ts'
import type { Zone } from './dns-server.ts'
import { challenge, contextOf, dnsFor, failureOf, KEY_AUTHORIZATION, NAME } from './setting.ts'

const LOOPBACK: Zone = { [NAME]: { A: ['127.0.0.1'] }, 'other.example.test': { A: ['127.0.0.1'] } }
const PATH = `/.well-known/acme-challenge/${KEY_AUTHORIZATION.split('.')[0]}`

interface Listening {
  readonly port: number
  readonly sockets: ReadonlySet<Socket>
}

async function listening(
  server: Pick<Server, 'listen' | 'close' | 'address' | 'on'>,
  host = '127.0.0.1',
): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, host, () => resolve()))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

function serve(listener: RequestListener, host?: string): Promise<Listening> {
  return listening(createServer(listener), host)
}

/** A server that says these octets to whoever connects. */
function say(text: string, end = true): Promise<Listening> {
  return listening(
    createTcpServer((socket) => {
      socket.once('data', () => (end ? socket.end(text) : socket.write(text)))
    }) as unknown as Server,
  )
}

/** Serves the key authorization at the path, and what `routes` has elsewhere: a Location for a redirect. */
function site(routes: Record<string, string> = {}): Promise<Listening> {
  return serve((request, response) => {
    const location = routes[request.url!]
    if (location !== undefined) response.writeHead(302, { location }).end('moved')
    else response.end(KEY_AUTHORIZATION)
  })
}

async function validate(port: number, options: Parameters<typeof contextOf>[1] = {}, zone = LOOPBACK) {
  const dns = await dnsFor(zone)
  await validateChallenge(
    challenge('http-01'),
    contextOf(dns, { httpPort: port, redirectPorts: [port], ...options }),
  )
}

describe('an answer', () => {
  test.each([
    ['exactly', KEY_AUTHORIZATION],
    ['with a line feed', `${KEY_AUTHORIZATION}\n`],
    ['with white space at its end', `${KEY_AUTHORIZATION} \r\n\t\n`],
    ['with white space beyond what is read', KEY_AUTHORIZATION + ' '.repeat(100_000)],
  ])('is taken %s', async (_, body) => {
    const { port } = await serve((_request, response) => response.end(body))
    await validate(port)
  })

  test.each([
    ['white space before', ` ${KEY_AUTHORIZATION}`],
    ['more behind', `${KEY_AUTHORIZATION}x`],
    ['a second line', `${KEY_AUTHORIZATION}\n<html>`],
    ['another case', KEY_AUTHORIZATION.toLowerCase()],
    ['the token alone', KEY_AUTHORIZATION.split('.')[0]!],
    ['nothing', ''],
    ['a byte order mark before it', `\ufeff${KEY_AUTHORIZATION}`],
  ])('is not taken with %s', async (_, body) => {
    const { port } = await serve((_request, response) => response.end(body))
    expect(await failureOf(validate(port))).toMatch(
      new RegExp(
        `^incorrectResponse content: http://${NAME}:${port}${PATH} holds ".*", and the key authorization`,
      ),
    )
  })

  test('that is long or unprintable is quoted in part', async () => {
    const { port } = await serve((_request, response) =>
      response.end(`\u0000\r\n\u202e${'x'.repeat(200_000)}`),
    )
    const failure = await failureOf(validate(port))
    expect(failure).toMatch(/holds "\\u0000\\r\\n/)
    expect(failure.length).toBeLessThan(600)
  })

  test.each([404, 500, 204, 206, 304, 300])('with status %d is not taken', async (status) => {
    const { port } = await serve((_request, response) => response.writeHead(status).end(KEY_AUTHORIZATION))
    expect(await failureOf(validate(port))).toMatch(`status ${status}, and 200 was expected`)
  })

  test('that is encoded is not taken', async () => {
    const { port } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(KEY_AUTHORIZATION),
    )
    expect(await failureOf(validate(port))).toMatch('answers with Content-Encoding "gzip"')
  })

  test('without a length, ended by the connection, is read whole', async () => {
    const { port } = await say(`HTTP/1.1 200 OK\r\n\r\n${KEY_AUTHORIZATION}`)
    await validate(port)
  })

  test.each([
    ['what is not HTTP', 'SSH-2.0-OpenSSH_9.9\r\n', /sends what is not HTTP \(HPE_/],
    ['half of it', `HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n${KEY_AUTHORIZATION}`, /hangs up before/],
    ['nothing', '', /hangs up before/],
    [
      'another protocol',
      'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      /hangs up before/,
    ],
    [
      'a header without end',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`,
      /not HTTP \(HPE_HEADER_OVERFLOW/,
    ],
  ])('that is %s is no answer', async (_, text, expected) => {
    const { port } = await say(text)
    const failure = await failureOf(validate(port))
    expect(failure).toMatch(/^connection unreachable: /)
    expect(failure).toMatch(expected)
  })

  test('after a 100 and a 103 counts', async () => {
    const { port } = await say(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n${KEY_AUTHORIZATION}`,
    )
    await validate(port)
  })
})

describe('the request', () => {
  test('is a GET with the host and its port, for what is not encoded', async () => {
    const seen: unknown[] = []
    const { port } = await serve((request, response) => {
      seen.push([request.method, request.url, request.headers.host, request.headers['accept-encoding']])
      response.end(KEY_AUTHORIZATION)
    })
    await validate(port)
    expect(seen).toEqual([['GET', PATH, `${NAME}:${port}`, 'identity']])
  })

  test('goes to an IPv6 address in brackets', async () => {
    const hosts: unknown[] = []
    const { port } = await serve((request, response) => {
      hosts.push(request.headers.host)
      response.end(KEY_AUTHORIZATION)
    }, '::1')
    const dns = await dnsFor({})
    await validateChallenge(
      challenge('http-01', { identifier: { type: 'ip', value: '::1' } }),
      contextOf(dns, { httpPort: port }),
    )
    expect(hosts).toEqual([`[::1]:${port}`])
    expect(dns.queries).toEqual([])
  })

  test('takes no proxy from the environment', async () => {
    const proxy = await serve((_request, response) => response.writeHead(502).end())
    const url = `http://127.0.0.1:${proxy.port}`
    // Node's own switch for all agents.
    const restore = (
      http as unknown as { setGlobalProxyFromEnv(env: Record<string, string>): () => void }
    ).setGlobalProxyFromEnv({ http_proxy: url, https_proxy: url })
    onTestFinished(restore)
    const { port } = await site()
    await validate(port)
  })

  test('begins at port 80, which the Host header leaves out', async () => {
    const dns = await dnsFor(LOOPBACK)
    const refused = failureOf(
      validateChallenge(challenge('http-01'), contextOf(dns, { denied: ['127.0.0.0/8'] })),
    )
    expect(await refused).toBe(
      `connection final: This server does not connect to ${NAME}: it resolves to 127.0.0.1, which is in a network that is denied by configuration.`,
    )
    expect(new URL(`http://${NAME}:80/`).host).toBe(NAME)
  })
})

describe('addresses', () => {
  test('are tried one after the other until one takes a connection', async () => {
    const { port } = await site()
    await validate(port, {}, { [NAME]: { A: ['127.0.0.3', '127.0.0.2', '127.0.0.1'], AAAA: ['::1'] } })
  })

  test('of IPv6 alone are enough', async () => {
    const { port } = await serve((_request, response) => response.end(KEY_AUTHORIZATION), '::1')
    await validate(port, {}, { [NAME]: { AAAA: ['::1'] } })
  })

  test.each([
    ['IPv6', { A: ['127.0.0.1'], AAAA: 'silence' }],
    ['IPv4', { A: 'silence', AAAA: ['::1'] }],
  ] as const)('of the other family are enough where DNS drops what is asked for %s', async (_, answers) => {
    const host = Array.isArray(answers.AAAA) ? '::1' : '127.0.0.1'
    const { port } = await serve((_request, response) => response.end(KEY_AUTHORIZATION), host)
    await validate(port, {}, { [NAME]: answers })
  })

  test('that may not be contacted are left out', async () => {
    const { port } = await site()
    await validate(port, {}, { [NAME]: { A: ['169.254.169.254', '127.0.0.1'], AAAA: ['fe80::1'] } })
  })

  test('that all may not be contacted are named', async () => {
    const failure = await failureOf(
      validate(1, {}, { [NAME]: { A: ['169.254.169.254'], AAAA: ['64:ff9b::a9fe:a9fe'] } }),
    )
    expect(failure).toBe(
      `connection final: This server does not connect to ${NAME}: it resolves to 64:ff9b::a9fe:a9fe, which stands for 169.254.169.254, which is where clouds keep their metadata; 169.254.169.254, which is where clouds keep their metadata.`,
    )
  })

  test('that refuse are named', async () => {
    const { port } = await site()
    const zone = { [NAME]: { A: ['127.0.0.2'] } }
    expect(await failureOf(validate(port, {}, zone))).toBe(
      `connection unreachable: No connection to ${NAME}, port ${port}: 127.0.0.2 refuses.`,
    )
  })

  test('are asked for once a hop: an answer that changes after the check is not seen', async () => {
    const { port } = await site()
    const dns = await dnsFor({
      [NAME]: { A: (count) => [count === 1 ? '127.0.0.1' : '169.254.169.254'] },
    })
    const context = contextOf(dns, { httpPort: port })
    await validateChallenge(challenge('http-01'), context)
    expect(dns.queries.filter((query) => query.includes(' A '))).toHaveLength(1)
    // And there is no cache: the next validation sees the new answer, and refuses it.
    expect(await failureOf(validateChallenge(challenge('http-01'), context))).toMatch(
      'it resolves to 169.254.169.254',
    )
  })

  test('that changed to a forbidden one before a redirect are refused', async () => {
    const { port } = await site({ [PATH]: '/elsewhere' })
    const zone: Zone = { [NAME]: { A: (count) => [count === 1 ? '127.0.0.1' : '169.254.169.254'] } }
    expect(await failureOf(validate(port, {}, zone))).toMatch('it resolves to 169.254.169.254')
  })

  test('of a name without any are missed', async () => {
    expect(await failureOf(validate(1, {}, {}))).toBe(
      `dns unreachable: DNS has neither an A nor an AAAA record for ${NAME}.`,
    )
  })
})

describe('redirects', () => {
  test('are followed, relative and absolute, to other names and other ports', async () => {
    const last = await site()
    const first = await site({
      [PATH]: '/next',
      '/next': `http://other.example.test:${last.port}/end?a=1#part`,
    })
    await validate(first.port, { redirectPorts: [first.port, last.port] })
  })

  test.each([301, 302, 303, 307, 308])('with status %d are followed', async (status) => {
    const { port } = await serve((request, response) => {
      if (request.url === PATH) response.writeHead(status, { location: '/x' }).end()
      else response.end(KEY_AUTHORIZATION)
    })
    await validate(port)
  })

  test('to https are followed whatever the certificate', async () => {
    const { key, certificate } = selfSigned([{ type: 'dns', value: 'nobody.example.test' }])
    const names: unknown[] = []
    const secure = createTlsServer({ key, cert: certificate }, (request, response) => {
      names.push((request.socket as unknown as { servername: string }).servername)
      response.end(KEY_AUTHORIZATION)
    })
    const { port: tlsPort } = await listening(secure as unknown as Server)
    const { port } = await site({ [PATH]: `https://other.example.test:${tlsPort}${PATH}` })
    await validate(port, { redirectPorts: [tlsPort] })
    expect(names).toEqual(['other.example.test'])
  })

  test('to https that is none fail', async () => {
    const plain = await site()
    const { port } = await site({ [PATH]: `https://${NAME}:${plain.port}/` })
    expect(await failureOf(validate(port, { redirectPorts: [plain.port] }))).toMatch(
      /^tls unreachable: The TLS handshake with web.example.test:\d+ fails \(ERR_SSL_/,
    )
  })

  test('are ten at most', async () => {
    let left = 10
    const { port } = await serve((_request, response) => {
      if (left-- > 0) response.writeHead(302, { location: `/${left}` }).end()
      else response.end(KEY_AUTHORIZATION)
    })
    await validate(port)
    left = 11
    expect(await failureOf(validate(port))).toMatch(
      /^connection final: .*, after 10 redirects, and no more are followed/,
    )
  })

  test('in a circle are noticed', async () => {
    const { port } = await site({ [PATH]: '/a', '/a': '/b', '/b': `${PATH}#again` })
    expect(await failureOf(validate(port))).toMatch(/^connection final: .* the redirects go in a circle/)
    const self = await site({ [PATH]: PATH })
    expect(await failureOf(validate(self.port))).toMatch('the redirects go in a circle')
  })

  test.each([
    ['another port', 'http://web.example.test:22/', '"web.example.test:22"; only the ports'],
    ['the port of https', 'https://web.example.test/', '"web.example.test"; only the ports'],
    ['ftp', 'ftp://web.example.test/', '"ftp:"; only http and https are followed'],
    ['a file', 'file:///etc/passwd', '"file:"; only http and https are followed'],
    ['javascript', 'javascript:alert(1)', '"javascript:"; only http and https'],
    ['gopher', 'gopher://127.0.0.1:25/x', '"gopher:"; only http and https'],
    ['a user', 'http://user:secret@web.example.test/', 'with a user name or password'],
    ['no URL', 'http://[::1', 'which is no URL'],
    ['no name', 'http://', 'which is no URL'],
    ['too long a URL', `http://web.example.test/${'x'.repeat(3000)}`, 'which is no URL'],
    ['nothing', '', 'nowhere: there is no Location'],
  ])('to %s are refused', async (_, location, expected) => {
    const { port } = await site({ [PATH]: location })
    const failure = await failureOf(validate(port))
    expect(failure).toMatch(/^connection final: A redirect leads to /)
    expect(failure).toContain(expected)
  })

  test.each([
    ['cloud metadata', '169.254.169.254'],
    ['cloud metadata as a number', '2852039166'],
    ['cloud metadata in octal', '0251.0376.0251.0376'],
    ['cloud metadata mapped into IPv6', '[::ffff:a9fe:a9fe]'],
    ['link-local', '[fe80::1]'],
    ['unspecified', '0.0.0.0'],
    ['a name that resolves to it', 'metadata.example.test'],
  ])('to %s are refused', async (_, host) => {
    const zone: Zone = { ...LOOPBACK, 'metadata.example.test': { A: ['169.254.169.254'] } }
    const routes: Record<string, string> = {}
    const { port } = await site(routes)
    routes[PATH] = `http://${host}:${port}/latest/meta-data/`
    expect(await failureOf(validate(port, {}, zone))).toMatch(
      /^connection final: This server does not connect to /,
    )
  })

  test('to a private address are refused where that is configured', async () => {
    const routes: Record<string, string> = {}
    const { port } = await site(routes)
    routes[PATH] = `http://10.0.0.1:${port}/`
    expect(await failureOf(validate(port, { denied: ['10.0.0.0/8', 'fc00::/7'] }))).toBe(
      'connection final: This server does not connect to 10.0.0.1, which is in a network that is denied by configuration.',
    )
  })

  test('tell nothing of what they led to', async () => {
    const inner = await serve((_request, response) => response.end('db password: hunter2'))
    const { port } = await site({ [PATH]: `http://127.0.0.1:${inner.port}/secret?token=abc` })
    const failure = await failureOf(validate(port, { redirectPorts: [inner.port] }))
    expect(failure).toMatch(
      new RegExp(
        `^incorrectResponse content: http://127.0.0.1:${inner.port}, where a redirect led, answers with 20 octets`,
      ),
    )
    expect(failure).not.toMatch(/hunter2|secret|abc/)
  })
})

describe('time', () => {
  test.each([
    ['before an answer', ''],
    ['within the header', 'HTTP/1.1 200 OK\r\nX'],
    ['within the body', `HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n${KEY_AUTHORIZATION}`],
  ])('ends %s', async (_, text) => {
    const { port, sockets } = await say(text, false)
    expect(await failureOf(validate(port, { timeout: 0.2 }))).toBe(
      `connection unreachable: ${NAME}:${port} did not send a whole answer within 0.2 seconds.`,
    )
    await expect.poll(() => sockets.size).toBe(0)
  })

  test('ends within a TLS handshake', async () => {
    const silent = await listening(createTcpServer((socket) => socket.resume()) as unknown as Server)
    const { port } = await site({ [PATH]: `https://${NAME}:${silent.port}/` })
    expect(await failureOf(validate(port, { timeout: 0.2, redirectPorts: [silent.port] }))).toBe(
      `connection unreachable: The TLS handshake with ${NAME}:${silent.port} was not done within 0.2 seconds.`,
    )
    await expect.poll(() => silent.sockets.size).toBe(0)
  })

  test('ends while DNS is silent', async () => {
    expect(await failureOf(validate(1, { timeout: 0.2 }, { [NAME]: 'silence' }))).toBe(
      `dns unreachable: DNS did not answer for ${NAME} within 0.2 seconds.`,
    )
  })

  test('is for all hops together', async () => {
    const { port } = await serve((request, response) => {
      setTimeout(() => response.writeHead(302, { location: `${request.url}x` }).end(), 60)
    })
    expect(await failureOf(validate(port, { timeout: 0.2 }))).toMatch('within 0.2 seconds')
  })
})

describe('an abort', () => {
  test('ends with its reason, and leaves no socket open', async () => {
    const { port, sockets } = await say('HTTP/1.1 200 OK\r\n', false)
    const dns = await dnsFor(LOOPBACK)
    const controller = new AbortController()
    const running = validateChallenge(
      challenge('http-01'),
      contextOf(dns, { httpPort: port }),
      controller.signal,
    )
    await expect.poll(() => sockets.size).toBe(1)
    const reason = new Error('shutting down')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect.poll(() => sockets.size).toBe(0)
  })

  test('before the start asks nobody', async () => {
    const dns = await dnsFor(LOOPBACK)
    const reason = new Error('shutting down')
    await expect(
      validateChallenge(challenge('http-01'), contextOf(dns), AbortSignal.abort(reason)),
    ).rejects.toBe(reason)
    expect(dns.queries).toEqual([])
  })
})

test('localhost resolves where no DNS server is configured', async () => {
  const { port } = await site()
  const context = validationContext({ clock: () => new Date(0), httpPort: port })
  await validateChallenge(challenge('http-01', { identifier: { type: 'dns', value: 'localhost' } }), context)
})
