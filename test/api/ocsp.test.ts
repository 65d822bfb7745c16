import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerBadOcspUrl, ocspRoutes } from '../../src/api/ocsp.ts'
import { installProblems, sendProblem } from '../../src/api/problems.ts'
import { CaError } from '../../src/errors.ts'
import { createOcspResponder, type OcspResponder } from '../../src/ocsp/responder.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { newSerialNumber } from '../../src/pki/serial-number.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, nonce, ocspRequest } from '../ocsp/ocsp-request.ts'
import { RESPONDER_DEFAULTS } from '../ocsp/options.ts'
import { type Leaf, SmallCa } from '../ocsp/small-ca.ts'
import { toolIsMissing } from '../pki/external-tool.ts'

const run = promisify(execFile)

let ca: SmallCa
let app: FastifyInstance
let responder: OcspResponder
let url: string
let port: number
let files: string
let good: Leaf
let revoked: Leaf
let refuse: Error | null = null

beforeAll(async () => {
  ca = await SmallCa.create()
  good = await ca.issue({ serialNumber: serialWithPlus() })
  revoked = await ca.issue()
  await ca.revoke(revoked, 4)
  const { authorities, store, clock } = ca
  responder = createOcspResponder({
    ...RESPONDER_DEFAULTS,
    ...{ authorities, store, clock, onError: () => {} },
  })
  app = fastify({
    frameworkErrors: (error, request, reply) => {
      if (!answerBadOcspUrl(request, reply)) sendProblem(error, request, reply)
    },
  })
  installProblems(app)
  app.addHook('onRequest', async () => {
    if (refuse) throw refuse
  })
  await app.register(ocspRoutes, { responder })
  url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/ocsp`
  port = Number(new URL(url).port)
  files = mkdtempSync(join(tmpdir(), 'chancery-ocsp-'))
  writeFileSync(join(files, 'root.pem'), encodePem('CERTIFICATE', ca.root.certificate.der))
  writeFileSync(join(files, 'issuer.pem'), encodePem('CERTIFICATE', ca.issuing.certificate.der))
  writeFileSync(join(files, 'good.pem'), encodePem('CERTIFICATE', good.der))
  writeFileSync(join(files, 'revoked.pem'), encodePem('CERTIFICATE', revoked.der))
})
afterAll(async () => {
  await app.close()
  await ca.close()
  rmSync(files, { recursive: true })
})

/** One whose request has in base64 what URLs can spoil. */
function serialWithPlus(): string {
  for (;;) {
    const serialNumber = newSerialNumber()
    const base64 = requestFor({ serialNumber }).toString('base64')
    // URL parsers cut a space at the end, which is what a last plus would become below.
    if (/\+.*[^+]$/.test(base64) && base64.includes('/')) return serialNumber
  }
}

const requestFor = ({ serialNumber }: Pick<Leaf, 'serialNumber'>) =>
  ocspRequest([certId(ca.issuing.certificate, serialNumber)])
const read = (der: Uint8Array) => readAnswer(Buffer.from(der), ca.issuing)

/** What one HTTP request gives, which must be 200 and OCSP whatever was asked. */
async function fetchAnswer(address: string, init: RequestInit = {}) {
  const response = await fetch(address, init)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/ocsp-response')
  const body = Buffer.from(await response.arrayBuffer())
  expect(response.headers.get('content-length')).toBe(String(body.length))
  return { headers: response.headers, body, ...read(body) }
}

describe('GET', () => {
  test('takes base64 in every form that clients send', async () => {
    const base64 = requestFor(good).toString('base64')
    for (const path of [
      encodeURIComponent(base64),
      base64,
      `/${base64}`,
      base64.replace(/=+$/, ''),
      base64.replaceAll('+', ' '),
      base64.replaceAll('+', '%20'),
      // Lines, as base64 of Python and Perl has them by default; Go’s responders skip them.
      encodeURIComponent(base64.replace(/.{1,76}/g, '$&\n')),
      encodeURIComponent(base64.replace(/.{1,64}/g, '$&\r\n')),
    ]) {
      expect((await fetchAnswer(`${url}/${path}`)).singles).toMatchObject([{ status: 'good' }])
    }
  })

  // To look for padding from each of its places on would take a minute, in which the service answers nobody.
  test('is soon done with padding that does not end', async () => {
    const answer = await app.inject({ url: `/ocsp/${'='.repeat(200_000)}A` })
    expect(answer).toMatchObject({ statusCode: 200 })
    expect(read(answer.rawPayload).status).toBe('malformedRequest')
  })

  test('keeps slashes and plus signs inside the base64 apart', async () => {
    // Among so many hashes every two characters stand next to each other somewhere.
    let tried = 0
    for (let i = 0; tried < 20; i++) {
      const name = Buffer.from(`CN=${i}`)
      const base64 = ocspRequest([certId({ subject: name, keyBits: name }, '4f')]).toString('base64')
      if (!base64.includes('//') && !base64.includes('/+')) continue
      tried++
      for (const path of [base64, encodeURIComponent(base64)]) {
        expect(await fetchAnswer(`${url}/${path}`)).toMatchObject({ status: 'unauthorized' })
      }
    }
  })

  test('has the headers of RFC 5019, and answers 304', async () => {
    const address = `${url}/${encodeURIComponent(requestFor(good).toString('base64'))}`
    const { headers, body, singles } = await fetchAnswer(address)
    expect(headers.get('cache-control')).toBe('max-age=21600, public, no-transform, must-revalidate')
    expect(Date.parse(headers.get('expires')!) / 1000).toBe(singles[0]!.nextUpdate)
    const modified = headers.get('last-modified')!
    expect(Date.parse(modified) / 1000).toBe(singles[0]!.thisUpdate)
    const etag = headers.get('etag')!
    for (const known of [
      { 'if-none-match': etag },
      { 'if-none-match': `"other", W/${etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': modified },
    ] as Record<string, string>[]) {
      const again = await fetch(address, { headers: known })
      expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, ''])
    }
    for (const stale of [
      { 'if-none-match': '"other"', 'if-modified-since': modified },
      { 'if-modified-since': new Date(Date.parse(modified) - 1000).toUTCString() },
      { 'if-modified-since': 'yesterday' },
    ] as Record<string, string>[]) {
      expect((await fetchAnswer(address, { headers: stale })).body).toEqual(body)
    }
  })

  test('of what is not for caches says so', async () => {
    const withNonce = ocspRequest([certId(ca.issuing.certificate, good.serialNumber)], [nonce(16)])
    const answer = await fetchAnswer(`${url}/${encodeURIComponent(withNonce.toString('base64'))}`)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.has('etag')).toBe(false)
  })

  test('HEAD has the same headers', async () => {
    const address = `${url}/${encodeURIComponent(requestFor(good).toString('base64'))}`
    const { headers } = await fetchAnswer(address)
    const head = await fetch(address, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    for (const name of [
      'content-type',
      'content-length',
      'etag',
      'cache-control',
      'last-modified',
      'expires',
    ]) {
      expect(head.headers.get(name)).toBe(headers.get(name))
    }
  })
})

describe('POST', () => {
  test.for(['', '/'])('to /ocsp%s', async (end) => {
    const body = new Uint8Array(requestFor(revoked))
    for (const type of [
      'application/ocsp-request',
      'application/json',
      'text/plain',
      'nonsense',
      undefined,
    ]) {
      const answer = await fetchAnswer(url + end, {
        method: 'POST',
        body,
        headers: type === undefined ? {} : { 'content-type': type },
      })
      expect(answer.singles).toMatchObject([{ status: 'revoked', reason: 4 }])
    }
  })
})

describe('nothing but OCSP is ever answered', () => {
  test.for([
    ['GET', ''],
    ['GET', '/'],
    ['GET', '/?a=b'],
    ['GET', '/%zz'],
    ['GET', '/%'],
    ['GET', '/%ff'],
    ['GET', '/not+base64!'],
    ['GET', '/MAAA'],
    ['GET', '/MAAAA'],
    ['GET', '/../ocsp/x'],
    ['GET', `/${'A'.repeat(9000)}`],
    ['PUT', ''],
    ['DELETE', '/x'],
    ['PATCH', '/x'],
    ['OPTIONS', ''],
  ])('%s /ocsp%s', async ([method, path]) => {
    const body = method === 'PUT' || method === 'PATCH' ? { body: '{}' } : {}
    const answer = await fetchAnswer(url + path, { method: method!, ...body })
    expect(answer).toMatchObject({ status: 'malformedRequest' })
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('for a body that is empty, too large or no request', async () => {
    for (const octets of [0, 10, 65_537, 1_000_000]) {
      const init = { method: 'POST', body: new Uint8Array(octets) }
      expect(await fetchAnswer(url, init)).toMatchObject({ status: 'malformedRequest' })
    }
  })

  test('for errors of the application around it', async () => {
    const address = `${url}/${encodeURIComponent(requestFor(good).toString('base64'))}`
    try {
      refuse = new CaError('overloaded', 'The service is stopping.')
      expect(await fetchAnswer(address)).toMatchObject({ status: 'tryLater' })
      refuse = new CaError('malformedRequest', 'Two Host headers.')
      expect(await fetchAnswer(address)).toMatchObject({ status: 'malformedRequest' })
      refuse = new TypeError('a bug')
      expect(await fetchAnswer(address)).toMatchObject({ status: 'internalError' })
    } finally {
      refuse = null
    }
  })

  test('but other addresses keep their own errors', async () => {
    const response = await fetch(url.replace('/ocsp', '/ocspx/%zz'))
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toContain('application/problem+json')
  })
})

/** Sends raw bytes and reads until the server closes. */
function exchange(bytes: Buffer | string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
  })
}

describe('HTTP/1.0', () => {
  function parse(reply: Buffer) {
    const end = reply.indexOf('\r\n\r\n')
    return { head: reply.subarray(0, end).toString('latin1').toLowerCase(), body: reply.subarray(end + 4) }
  }

  test('as nginx asks: no port in Host, waits for the end', async () => {
    const path = encodeURIComponent(requestFor(good).toString('base64'))
    const { head, body } = parse(
      await exchange(`GET /ocsp/${path} HTTP/1.0\r\nHost: ca.example.test\r\n\r\n`),
    )
    expect(head).toMatch(/^http\/1\.[01] 200 ok\r\n/)
    expect(head).not.toContain('transfer-encoding')
    expect(head).toContain(`content-length: ${body.length}`)
    for (const line of head.split('\r\n').slice(1)) expect(line).toMatch(/^[a-z0-9-]+: /)
    expect(read(body).singles).toMatchObject([{ status: 'good' }])
  })

  test('as mod_ssl asks: POST, Connection: close', async () => {
    const request = requestFor(revoked)
    const head = `POST /ocsp HTTP/1.0\r\nHost: ca.example.test:80\r\nConnection: close\r\nContent-Type: application/ocsp-request\r\nContent-Length: ${request.length}\r\n\r\n`
    const reply = await exchange(Buffer.concat([Buffer.from(head), request]))
    expect(reply.length).toBeLessThan(10_240)
    expect(read(parse(reply).body).singles).toMatchObject([{ status: 'revoked' }])
  })
})

describe.skipIf(toolIsMissing('openssl'))('openssl ocsp', () => {
  const openssl = (...args: string[]) =>
    run('openssl', ['ocsp', '-issuer', 'issuer.pem', '-CAfile', 'root.pem', ...args], { cwd: files })

  test.for([
    ['-sha1', '-nonce'],
    ['-sha1', '-no_nonce'],
    ['-sha256', '-nonce'],
    ['-sha256', '-no_nonce'],
    ['-sha384', '-no_nonce'],
    ['-sha512', '-no_nonce'],
  ])('by POST with %s %s', async ([hash, withNonce]) => {
    const certificates = [hash!, '-cert', 'good.pem']
    const one = await openssl(withNonce!, ...certificates, '-url', url)
    expect(one.stderr).toContain('Response verify OK')
    expect(one.stderr).not.toContain('no nonce in response')
    expect(one.stdout).toMatch(/good\.pem: good\n\tThis Update: .*\n\tNext Update: /)
    const two = await openssl(withNonce!, ...certificates, '-cert', 'revoked.pem', '-url', url)
    expect(two.stderr).toContain('Response verify OK')
    expect(two.stdout).toMatch(/good\.pem: good\n.*revoked\.pem: revoked\n.*Reason: superseded/s)
  })

  test('made the request that curl sends by GET', async () => {
    await openssl('-cert', 'revoked.pem', '-no_nonce', '-reqout', 'request.der')
    const path = encodeURIComponent(readFileSync(join(files, 'request.der')).toString('base64'))
    await run('curl', ['-sSf', '-o', join(files, 'response.der'), `${url}/${path}`])
    const read = await openssl('-cert', 'revoked.pem', '-no_nonce', '-respin', 'response.der')
    expect(read.stderr).toContain('Response verify OK')
    expect(read.stdout).toContain('revoked.pem: revoked')
  })

  test('reads unauthorized where the serial number was never issued', async () => {
    const asked = openssl('-serial', '0x4f4f4f4f', '-url', url)
    await expect(asked).rejects.toMatchObject({
      stdout: expect.stringContaining('Responder Error: unauthorized (6)'),
    })
  })
})

describe.skipIf(toolIsMissing('ocsptool'))('ocsptool', () => {
  test.for([
    ['good.pem', 'good'],
    ['revoked.pem', 'revoked'],
  ])('reads %s as %s', async ([certificate, status]) => {
    const issuer = ['--load-issuer', 'issuer.pem', '--load-signer', 'issuer.pem']
    const args = [`--ask=${url}`, '--nonce', '--load-cert', certificate!, ...issuer]
    const { stdout } = await run('ocsptool', args, { cwd: files })
    expect(stdout).toContain('Verifying OCSP Response: Success.')
    expect(stdout).toContain(`Certificate Status: ${status}`)
  })
})
