import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csrDer } from '../requests.ts'
import { basic, EstCa } from './est-ca.ts'
import { certificatesOf } from './messages.ts'
import { type RawAnswer, TlsClient } from './tls-client.ts'

const CERTS_ONLY = 'application/pkcs7-mime; smime-type=certs-only'
const WEB = ['dns:web.example.test']

let est: EstCa
const secrets: string[] = []
beforeAll(async () => {
  est = await EstCa.create({
    profiles: { watched: { extends: 'server', approval: 'always' } },
    est: {
      names: ['example.test'],
      labels: {
        wrapped: { lineLength: 64 },
        template: { csrAttributes: 'template' },
        watched: { profile: 'watched' },
      },
    },
  })
})
afterAll(async () => {
  const log = est.ca.log.join('\n')
  const audit = JSON.stringify((await est.ca.service.store.read.listAudit({}, { limit: 1000 })).rows)
  await est.close()
  expect(secrets.length).toBeGreaterThan(0)
  for (const secret of secrets) {
    expect(log.includes(secret), secret).toBe(false)
    expect(audit.includes(secret), secret).toBe(false)
  }
})

async function password(): Promise<string> {
  const user = await est.user()
  const header = basic(...user)
  secrets.push(user[1], header.slice('Basic '.length))
  return header
}

/** What every answer is like: libest takes 1,024 octets of headers, compares their names letter by letter, and knows no chunks. */
function expectForm({ head, headers, body }: RawAnswer): void {
  expect(Buffer.byteLength(head, 'latin1')).toBeLessThan(1024)
  for (const [name] of headers) expect(name).toMatch(/^(WWW|[A-Z][a-z0-9]*)(-[A-Z][a-z]*)*$/)
  const names = headers.map(([name]) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names).not.toContain('Transfer-Encoding')
  expect(value(headers, 'Content-Length')).toBe(String(body.length))
}

const value = (headers: RawAnswer['headers'], wanted: string) =>
  headers.find(([name]) => name === wanted)?.[1]

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  async function ask(method: string, at: string, more: Parameters<TlsClient['request']>[2] = {}) {
    const { identity } = await est.holder(WEB)
    const client = await TlsClient.connect(
      est.port,
      est.ca.rootPem,
      version,
      at === 'simplereenroll' ? { identity } : {},
    )
    try {
      const answer = await client.request(method, `/.well-known/est/${at}`, more)
      expectForm(answer)
      return answer
    } finally {
      client.close()
    }
  }
  const enrol = async (at: string, names = WEB) =>
    ask('POST', at, {
      headers: { 'Content-Type': 'application/pkcs10', Authorization: await password() },
      body: csrDer(names).toString('base64'),
    })

  function expectBase64({ status, headers, body }: RawAnswer, type: string): void {
    expect(status).toBe(200)
    expect(value(headers, 'Content-Type')).toBe(type)
    expect(value(headers, 'Content-Transfer-Encoding')).toBe('base64')
    expect(body.toString()).toMatch(/^[A-Za-z0-9+/]+=*$/)
  }

  test('cacerts: the chain and the root, in one line', async () => {
    const answer = await ask('GET', 'cacerts')
    expectBase64(answer, CERTS_ONLY)
    const all = certificatesOf(answer.body)
    expect(all).toHaveLength(2)
    expect(all.some((one) => one.checkIssued(one))).toBe(true)
  })

  test('csrattrs, in either form', async () => {
    expectBase64(await ask('GET', 'csrattrs'), 'application/csrattrs')
    expectBase64(await ask('GET', 'template/csrattrs'), 'application/csrattrs')
  })

  test.each(['simpleenroll', 'simplereenroll'])('%s: the certificate alone', async (operation) => {
    // The certificate goes before the password there.
    const answer = await enrol(operation)
    expectBase64(answer, CERTS_ONLY)
    expect(certificatesOf(answer.body).map((one) => one.ca)).toEqual([false])
  })

  test('serverkeygen: key and certificate, for no cache', async () => {
    const { status, headers, body } = await enrol('serverkeygen')
    expect(status).toBe(200)
    expect(value(headers, 'Cache-Control')).toBe('no-store')
    const boundary = /^multipart\/mixed; ?boundary="?([^"]+)"?$/.exec(value(headers, 'Content-Type')!)![1]
    const [, ...parts] = body.toString().split(`--${boundary}`)
    expect(parts.pop()!.trim()).toBe('--')
    const read = parts.map((part) => part.trim().split('\r\n\r\n'))
    expect(read.map(([head]) => /^content-type: (.*)$/im.exec(head!)![1])).toEqual([
      'application/pkcs8',
      CERTS_ONLY,
    ])
    for (const [head, text] of read) {
      expect(head).toMatch(/^Content-Transfer-Encoding: base64$/im)
      expect(text).toMatch(/^[A-Za-z0-9+/]+=*$/)
    }
    secrets.push(read[0]![1]!)
  })

  test('lineLength wraps them', async () => {
    for (const answer of [
      await ask('GET', 'wrapped/cacerts'),
      await ask('GET', 'wrapped/csrattrs'),
      await enrol('wrapped/simpleenroll'),
    ]) {
      const lines = answer.body.toString().split('\r\n')
      expect(lines.pop()).toBe('')
      for (const line of lines.slice(0, -1)) expect(line).toMatch(/^[A-Za-z0-9+/]{64}$/)
      expect(lines.at(-1)).toMatch(/^[A-Za-z0-9+/]{1,63}=*$|^[A-Za-z0-9+/]{64}$/)
    }
    const { body } = await enrol('wrapped/serverkeygen')
    expect(
      Math.max(
        ...body
          .toString()
          .split('\r\n')
          .filter((line) => /^[A-Za-z0-9+/=]+$/.test(line))
          .map((line) => line.length),
      ),
    ).toBe(64)
  })

  test('what waits for approval: 202 with Retry-After', async () => {
    const { status, headers, body } = await enrol('watched/simpleenroll')
    expect(status).toBe(202)
    expect(value(headers, 'Retry-After')).toMatch(/^[1-9][0-9]*$/)
    expect(value(headers, 'Chancery-Request')).toMatch(/^[1-9][0-9]*$/)
    // BouncyCastle closes an answer of which it does not read the body, and fails where there is one.
    expect(value(headers, 'Content-Length')).toBe('0')
    expect(body.toString()).toBe('')
  })

  test('who says nothing of themselves: asked for it, and nothing that would have to be read', async () => {
    const answer = await ask('POST', 'simpleenroll', {
      headers: { 'Content-Type': 'application/pkcs10' },
      body: 'MAA=',
    })
    expect(answer.status).toBe(401)
    expect(value(answer.headers, 'WWW-Authenticate')).toBe('Basic realm="chancery"')
    expect(value(answer.headers, 'Content-Length')).toBe('0')
  })

  test('refusals: text for people', async () => {
    const long = Array.from({ length: 90 }, (_, i) => `dns:very-long-name-number-${i}.example.org`)
    for (const [status, answer] of [
      [
        400,
        await ask('POST', 'simpleenroll', {
          headers: { 'Content-Type': 'application/pkcs10', Authorization: await password() },
          body: '!',
        }),
      ],
      [
        401,
        await ask('POST', 'simpleenroll', {
          headers: { 'Content-Type': 'application/pkcs10', Authorization: basic('nobody', 'x') },
          body: 'MAA=',
        }),
      ],
      [403, await enrol('simpleenroll', long)],
      [404, await enrol('nowhere/simpleenroll')],
      [404, await ask('GET', 'nothing')],
      [405, await ask('GET', 'simpleenroll')],
      [415, await ask('POST', 'simpleenroll', { headers: { 'Content-Type': 'text/plain' }, body: 'x' })],
      [501, await ask('POST', 'fullcmc')],
    ] as const) {
      expect([answer.status, value(answer.headers, 'Content-Type')]).toEqual([
        status,
        'text/plain; charset=utf-8',
      ])
      expect(value(answer.headers, 'WWW-Authenticate')).toBe(
        status === 401 ? 'Basic realm="chancery"' : undefined,
      )
    }
  })
})
