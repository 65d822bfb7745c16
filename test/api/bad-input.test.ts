import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  bitString,
  contextPrimitive,
  octetString,
  sequence,
  tlv,
  utf8String,
} from '../../src/pki/der/write.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { buildCsr, commonName, dnsNames, extension, nameOf, requesting } from '../pki/csr/building.ts'
import { type Answer, answer, type Call, expectProblem, expectProblemDocument, TestCa } from './ca-fixture.ts'
import { basic } from './est/est-ca.ts'
import { csrDer, csrPem, newKey } from './requests.ts'

let ca: TestCa
let port: number
let serialNumber: string
let inventory: string[]
let password: string
const user = 'pump'
beforeAll(async () => {
  ca = await TestCa.create()
  port = await ca.listen()
  password = (await ca.call('/v1/est/users', { body: { name: user } })).json.password
  serialNumber = (await ca.enrol(csrPem(['dns:there.example.test']))).serialNumber
})
beforeEach(async () => {
  inventory = await ca.inventory()
})
afterEach(async () => {
  expect(await ca.inventory()).toEqual(inventory)
})
afterAll(() => ca.close())

const DER = { 'content-type': 'application/pkcs10' }
const PEM = { 'content-type': 'application/x-pem-file' }
const JSON_TYPE = { 'content-type': 'application/json' }
const post = (body: unknown, headers: Record<string, string> = {}) =>
  ca.call('/v1/certificates', { body, headers, method: 'POST' })

/** A refusal, whatever the reason: a problem document that blames the request. */
function expectRefused(refused: Answer): void {
  expect(refused.status, refused.text).toBeGreaterThanOrEqual(400)
  expect(refused.status, refused.text).toBeLessThan(500)
  expectProblemDocument(refused)
}

const honest = csrDer(['dns:web.example.test', 'ip:192.0.2.1'], { commonName: 'web.example.test' })

describe('a CSR of', () => {
  test('random octets', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expectRefused(await post(Buffer.from(bytes), DER))
        expectRefused(await post(Buffer.concat([Buffer.of(0x30), bytes]), DER))
        if (bytes.length > 0)
          expectRefused(await post(encodePem('CERTIFICATE REQUEST', Buffer.from(bytes)), PEM))
      }),
      { numRuns: 150 },
    )
  })

  test('an honest one with octets changed, which breaks its signature if nothing else', async () => {
    const change = fc.record({ at: fc.nat(honest.length - 1), by: fc.integer({ min: 1, max: 255 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const der = Buffer.from(honest)
        for (const { at, by } of changes) der[at]! ^= by
        fc.pre(!der.equals(honest))
        expectRefused(await post(der, DER))
      }),
      { numRuns: 300 },
    )
  })

  test('any part of an honest one, and one with more after it', async () => {
    for (let length = 0; length < honest.length; length += 3)
      expectRefused(await post(honest.subarray(0, length), DER))
    expectProblem(await post(Buffer.concat([honest, Buffer.of(0)]), DER), 400, 'malformedCsr')
    expectProblem(await post(Buffer.concat([honest, honest]), DER), 400, 'malformedCsr')
  })

  test.for<[string, () => Buffer]>([
    ['SEQUENCEs in SEQUENCEs, as deep as fit', () => nested(60_000)],
    ['a length of four gigabytes', () => Buffer.from('3084ffffffff', 'hex')],
    ['a length of 126 octets', () => Buffer.concat([Buffer.of(0x30, 0xfe), Buffer.alloc(126, 0xff)])],
    ['an indefinite length', () => Buffer.concat([Buffer.of(0x30, 0x80), honest, Buffer.of(0, 0)])],
    [
      'a length that is longer than it must be',
      () => Buffer.concat([Buffer.from('30820003', 'hex'), Buffer.of(2, 1, 0)]),
    ],
    [
      'a tag that never ends',
      () => Buffer.concat([Buffer.of(0x30, 0x82, 0x03, 0xe8), Buffer.alloc(1000, 0xff)]),
    ],
    [
      'an object identifier that never ends',
      () => sequence(sequence(Buffer.concat([Buffer.of(6, 0x7f), Buffer.alloc(127, 0x81)]))),
    ],
    ['nothing', () => Buffer.alloc(0)],
    ['a certificate', () => ca.service.authorities.issuing().certificate.der],
    ['BIT STRING and OCTET STRING', () => sequence(bitString(Buffer.alloc(9)), octetString(Buffer.alloc(9)))],
  ])('%s', async ([, der]) => {
    expectProblem(await post(der(), DER), 400, 'malformedCsr')
  })

  test('more than 64 KiB, in every form', async () => {
    const large = Buffer.concat([Buffer.from('3083010000', 'hex'), Buffer.alloc(65_536)])
    expectProblem(await post(large, DER), 413, 'bodyTooLarge', /64 KiB/)
    expectProblem(await post(encodePem('CERTIFICATE REQUEST', large), PEM), 413, 'bodyTooLarge')
    expectProblem(await post({ csr: encodePem('CERTIFICATE REQUEST', large) }), 413, 'bodyTooLarge')
    // Larger than any envelope of a CSR: refused before it is read.
    for (const headers of [DER, PEM, JSON_TYPE]) {
      expectProblem(await post(Buffer.alloc(1_000_000, 0x30), headers), 413, 'bodyTooLarge')
    }
    // The largest that is looked at.
    const fits = Buffer.concat([Buffer.from('3082fffc', 'hex'), Buffer.alloc(65_532)])
    expectProblem(await post(fits, DER), 400, 'malformedCsr')
  })

  test('a thousand names', async () => {
    const many = csrDer(Array.from({ length: 1000 }, (_, n) => `dns:n${n}.example.test`))
    expectProblem(await post(many, DER), 400, 'badName', /1000 names.*at most 100/)
  })
})

/** `depth` SEQUENCEs, one in the other. */
function nested(depth: number): Buffer {
  let der = Buffer.alloc(0)
  const heads: Buffer[] = []
  for (let length = 0; heads.length < depth && length < 65_000; ) {
    const head =
      length < 128
        ? Buffer.of(0x30, length)
        : length < 256
          ? Buffer.of(0x30, 0x81, length)
          : Buffer.of(0x30, 0x82, length >> 8, length & 255)
    heads.push(head)
    length += head.length
  }
  der = Buffer.concat(heads.reverse())
  return der
}

describe('PEM', () => {
  const pem = encodePem('CERTIFICATE REQUEST', honest)
  test.for<[string, string, string, RegExp]>([
    ['two CSRs', pem + pem, 'malformedCsr', /2 PEM blocks; send one CSR at a time/],
    ['a CSR and a key', pem + encodePem('PRIVATE KEY', Buffer.of(1)), 'malformedCsr', /2 PEM blocks/],
    [
      'the wrong label',
      pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
      'malformedCsr',
      /a "CERTIFICATE"; a "CERTIFICATE REQUEST" belongs here/,
    ],
    ['two labels', pem.replace('END CERTIFICATE REQUEST', 'END CERTIFICATE'), 'malformedPem', /./],
    ['no end', pem.slice(0, 200), 'malformedPem', /./],
    ['no dashes', 'no dashes', 'malformedPem', /-----BEGIN/],
    ['bare base64 of no CSR', 'MIIB', 'malformedCsr', /ends too early/],
    ['text after it', `${pem}and more\n`, 'malformedPem', /after its last block/],
    ['headers in it', pem.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'), 'malformedPem', /base64/],
    ['another alphabet', pem.replace(/\n.{8}/, '\n-_-_-_-_'), 'malformedPem', /base64/],
    ['an empty block', encodePem('CERTIFICATE REQUEST', Buffer.alloc(0)), 'malformedPem', /./],
    ['a NUL in it', pem.replace('\nM', '\n\0M'), 'malformedPem', /base64/],
  ])('with %s', async ([, text, code, detail]) => {
    expectProblem(await post(text, PEM), 400, code as 'malformedPem', detail)
    expectProblem(await post({ csr: text }), 400, code as 'malformedPem', detail)
  })

  test('of any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
        expectRefused(await post(text, PEM))
        if (text) expectRefused(await post({ csr: text }))
      }),
      { numRuns: 100 },
    )
  })
})

describe('a content type', () => {
  test.for([
    'application/pkcs7-mime',
    'application/octet-stream',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'text/html',
    'nonsense',
    '',
    '/',
    'application/json, text/plain',
  ])('of "%s"', async (type) => {
    const refused = await post(honest, { 'content-type': type })
    expectProblem(refused, 415, 'unsupportedMediaType')
  })

  test('that is missing, or is not what the body is', async () => {
    const refused = await ca.call('/v1/certificates', { method: 'POST', body: honest })
    expectRefused(refused)
    expectProblem(await post(honest, JSON_TYPE), 400, 'malformedRequest')
    // What curl -d says of JSON; the answer says what to say.
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const asForm = await ca.call('/v1/tokens', { body: '{}', headers: form })
    expectProblem(asForm, 415, 'unsupportedMediaType', /application\/json for JSON/)
    expectProblem(await ca.call('/v1/tokens', { body: '{}', headers: PEM }), 415, 'unsupportedMediaType')
    expectProblem(await ca.call('/v1/tokens', { body: honest, headers: DER }), 415, 'unsupportedMediaType')
    const method = { method: 'POST' } as const
    expectRefused(await ca.call('/v1/tokens', method))
    expectRefused(await ca.call('/v1/certificates', method))
  })
})

describe('JSON', () => {
  const csr = encodePem('CERTIFICATE REQUEST', honest)
  test.for<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['a number', 7],
    ['a text', '"csr"'],
    ['a csr that is null', { csr: null }],
    ['a csr that is a list', { csr: [csr] }],
    ['a csr that is empty', { csr: '' }],
    ['an unknown key', { csr, extensions: ['all'] }],
    ['a key of the prototype', `{"csr": ${JSON.stringify(csr)}, "__proto__": {"profile": "client"}}`],
    ['a key named constructor', `{"csr": ${JSON.stringify(csr)}, "constructor": {"prototype": {}}}`],
    ['names as a list of numbers', { csr, names: [1] }],
    ['names as an empty list', { csr, names: [] }],
    ['names of an unknown kind', { csr, names: { upn: ['a@b'] } }],
    ['names as a text', { csr, names: { dns: 'web.example.test' } }],
    ['no names', { csr, names: {} }],
    ['numbers among names', { csr, names: { dns: [1] } }],
    ['a profile that is a number', { csr, profile: 1 }],
    ['a validity that is a fraction', { csr, validity: 3600.5 }],
    ['a validity below zero', { csr, validity: -3600 }],
    ['a validity of a century and more', { csr, validity: '101y' }],
    ['a validity below nothing', { csr, validity: '-1h' }],
    ['a time of another form', { csr, notAfter: 'Tue, 24 Nov 2026' }],
    ['a time that is none', { csr, notAfter: '2026-02-30T25:61:61Z' }],
    ['a time without its zone', { csr, notAfter: '2030-01-01T00:00:00' }],
    ['a number of milliseconds', { csr, notAfter: 1e13 }],
  ])('that is, or has, %s', async ([, body]) => {
    expectRefused(
      await ca.call('/v1/certificates', {
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: JSON_TYPE,
      }),
    )
  })

  test('of any shape', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
        const body = JSON.stringify(value)
        for (const path of ['/v1/certificates', '/v1/tokens', '/v1/authorities', '/v1/certificates/revoke']) {
          expectRefused(await ca.call(path, { body, headers: JSON_TYPE }))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('deeply nested, or huge', async () => {
    expectRefused(await post('['.repeat(50_000), JSON_TYPE))
    expectRefused(await post(`${'{"csr":'.repeat(10_000)}1${'}'.repeat(10_000)}`, JSON_TYPE))
    for (const path of ['/v1/tokens', '/v1/certificates/00/revoke', '/v1/acme/eab-keys']) {
      const huge = JSON.stringify({ names: { dns: ['x'.repeat(128 * 1024)] } })
      expectProblem(await ca.call(path, { body: huge, headers: JSON_TYPE }), 413, 'bodyTooLarge')
    }
    const many = { names: { dns: Array.from({ length: 1001 }, (_, n) => `n${n}.example.test`) } }
    expectProblem(await ca.call('/v1/tokens', { body: many }), 400, 'malformedRequest')
  })
})

describe('names', () => {
  const inSan = (...names: Buffer[]) =>
    encodePem(
      'CERTIFICATE REQUEST',
      buildCsr({ key: newKey(), attributes: requesting(extension('2.5.29.17', sequence(...names))) }),
    )
  const dns = (value: string | Buffer) =>
    contextPrimitive(2, typeof value === 'string' ? Buffer.from(value, 'latin1') : value)

  test.for<[string, string, RegExp]>([
    ['an embedded NUL', 'web.example.test\0.evil.test', /NUL/],
    ['a trailing dot', 'web.example.test.', /dot/],
    ['a leading dot', '.example.test', /empty label/],
    ['an empty label', 'web..example.test', /empty label/],
    ['a label of 64', `${'a'.repeat(64)}.test`, /63/],
    ['254 characters', `${'a.'.repeat(125)}test`, /253/],
    ['white space', 'web example.test', /./],
    ['a line end', 'web.example.test\n', /./],
    ['an underscore', 'web_1.example.test', /underscore/],
    ['a hyphen at the end', 'web-.example.test', /hyphen/],
    ['a wildcard within', 'web.*.test', /asterisk/],
    ['half a wildcard', 'w*.example.test', /asterisk/],
    ['a wildcard over a top-level domain', '*.test', /top-level/],
    ['an address', '192.0.2.1', /IP/],
    ['an A-label that is none', 'xn--a.test', /internationalised/],
    ['reserved hyphens', 'ab--cd.test', /hyphens/],
    ['nothing', '', /empty/],
    ['UTF-8', Buffer.from('bücher.test').toString('latin1'), /ASCII/],
    ['Latin-1', 'b\xfccher.test', /ASCII/],
  ])('with %s', async ([, value, detail]) => {
    expectProblem(await post({ csr: inSan(dns('first.test'), dns(value)) }), 400, 'badName', detail)
  })

  test('as Unicode are refused with the A-label to use, wherever they stand', async () => {
    const detail = /xn--bcher-kva\.example/
    expectProblem(
      await post({ csr: csrPem(['dns:a.test']), names: { dns: ['bücher.example'] } }),
      400,
      'badName',
      detail,
    )
    expectProblem(
      await ca.call('/v1/tokens', { body: { names: { dns: ['bücher.example'] } } }),
      400,
      'badName',
      detail,
    )
    const subject = commonName('bücher.example')
    const csr = encodePem('CERTIFICATE REQUEST', buildCsr({ key: newKey(), subject }))
    expectProblem(await post({ csr }), 400, 'badName', detail)
  })

  test.for<[string, Buffer, RegExp]>([
    ['otherName', Buffer.from('a00a06032a0304a0030c0161', 'hex'), /otherName/],
    ['directoryName', Buffer.concat([Buffer.of(0xa4, 2), Buffer.of(0x30, 0)]), /directoryName/],
    ['registeredID', Buffer.from('88032a0304', 'hex'), /registeredID/],
  ])('of the kind %s', async ([, name, detail]) => {
    expectProblem(await post({ csr: inSan(name) }), 400, 'badName', detail)
  })

  test('as addresses of a wrong length, or with a mask', async () => {
    for (const octets of [0, 3, 5, 8, 15, 17, 32]) {
      expectRefused(await post({ csr: inSan(contextPrimitive(7, Buffer.alloc(octets, 1))) }))
    }
  })

  test.for<[string, Buffer, 'badName' | 'malformedCsr']>([
    ['a NUL in UTF8String', utf8String('web.example.test\0'), 'badName'],
    ['a NUL in BMPString', tlv(0x1e, Buffer.from('web\0.example.test', 'utf16le').swap16()), 'badName'],
    ['half a character in BMPString', Buffer.from('1e03006100', 'hex'), 'malformedCsr'],
    ['broken UTF-8', Buffer.concat([Buffer.of(0x0c, 2), Buffer.of(0xc3, 0x28)]), 'malformedCsr'],
    ['a control character', tlv(0x13, Buffer.from('web\x07')), 'badName'],
    ['octets in T61String', Buffer.from('1402fc61', 'hex'), 'malformedCsr'],
    ['UniversalString', Buffer.from('1c0400000061', 'hex'), 'malformedCsr'],
    ['a number', Buffer.from('020101', 'hex'), 'malformedCsr'],
  ])('in a common name with %s', async ([, value, code]) => {
    const attributes = requesting(dnsNames('web.example.test'))
    const der = buildCsr({ key: newKey(), subject: nameOf(['2.5.4.3', value]), attributes })
    expectProblem(await post(der, DER), 400, code)
  })
})

describe('serial numbers in the address', () => {
  const paths = (serial: string): [string, Call][] => [
    [`/v1/certificates/${serial}`, {}],
    [`/v1/certificates/${serial}/revoke`, { body: {} }],
    [`/v1/certificates/${serial}/release`, { method: 'POST' }],
    [`/v1/certificates/${serial}/renew`, { body: { csr: csrPem([]) } }],
  ]
  test.for([
    '0x4f',
    '-1',
    '4f 4f',
    '4f,4f',
    '%00',
    '%0a',
    '..%2f..%2fadmin.key',
    'NaN',
    '4f:4',
    'f'.repeat(41),
    'f'.repeat(81),
    '%F0%9F%92%A9',
    "4f'%20OR%201=1--",
  ])('%s', async (serial) => {
    for (const [path, call] of paths(serial))
      expectProblem(await ca.call(path, call), 400, 'malformedRequest')
  })

  test('of nobody', async () => {
    for (const serial of ['0', '00', 'ffff', 'f'.repeat(40), '12345678']) {
      for (const [path, call] of paths(serial)) expectProblem(await ca.call(path, call), 404, 'notFound')
    }
  })
})

describe('addresses', () => {
  test.for([
    '/v1/certificates/%zz',
    '/v1/%zz',
    '/%',
    '/v1/certificates/%c3%28',
    '/bundles/%zz',
    '/crl/%zz.crl',
    '/v1/authorities/%e0%a4',
  ])('%s', async (path) => {
    expectRefused(await ca.call(path))
    expectRefused(await ca.call(path, {}, ca.http))
  })

  test.for([
    '/../admin.key',
    '/v1/../../admin.key',
    '/%2e%2e/%2e%2e/admin.key',
    '/crl/..%2fadmin.key',
    '/crl/..%2f..%2fkeys%2fintermediate.key.crl',
    '/ca/..%2froot.pem.crt',
    '/bundles/..%2f..%2fpassphrase.pem',
    '/roots/..%2f..%2froot.pem',
    '/v1/authorities/..%2f..%2fadmin.key',
    '/chancery.db',
    '//etc/passwd',
  ])('that climb: %s', async (path) => {
    expectProblem(await ca.call(path, {}, ca.http), 404, 'notFound')
    const tls = await ca.call(path)
    expect(tls.status).toBe(404)
    expectProblemDocument(tls)
  })

  test('of any text', async () => {
    const url = fc.string({ unit: fc.constantFrom(...'/%.?#&=\\:;v1certifas0_-~ \u00e9'), maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(url, async (text) => {
        for (const app of [ca.tls, ca.http]) {
          const got = await ca.call(`/v1/${encodeURI(text)}`, {}, app)
          if (got.status !== 200) expectRefused(got)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('very long', async () => {
    expectRefused(await ca.call(`/v1/certificates/${'4f'.repeat(5000)}`))
    expectRefused(await ca.call(`/v1/certificates?name=${'a'.repeat(5000)}`))
    expectRefused(await ca.call(`/bundles/${'a'.repeat(5000)}.pem`, {}, ca.http))
  })
})

describe('on the wire', () => {
  /** Sends raw octets over TLS; everything until the server closes. */
  const chunked = (body: Buffer) =>
    Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])

  function exchange(bytes: string | Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.rootPem }, () =>
        socket.write(bytes),
      )
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.on('close', () => resolve(Buffer.concat(chunks)))
      socket.on('error', reject)
    })
  }
  function parse(reply: Buffer): Answer {
    const end = reply.indexOf('\r\n\r\n')
    const [line, ...lines] = reply.subarray(0, end).toString('latin1').split('\r\n')
    const headers = Object.fromEntries(
      lines.map((one) => [
        one.slice(0, one.indexOf(':')).toLowerCase(),
        one.slice(one.indexOf(':') + 1).trim(),
      ]),
    )
    return answer(Number(line!.split(' ')[1]), headers, reply.subarray(end + 4))
  }
  const request = (headers: readonly string[], body: Buffer = honest) =>
    Buffer.concat([
      Buffer.from(
        [
          'POST /v1/certificates HTTP/1.1',
          'Connection: close',
          `Content-Length: ${body.length}`,
          ...headers,
          '',
          '',
        ].join('\r\n'),
      ),
      body,
    ])
  const usual = (): string[] => [
    'Host: localhost',
    `Authorization: Bearer ${ca.adminKey}`,
    'Content-Type: application/pkcs10',
  ]

  test.for<[string, () => string]>([
    ['authorization', () => `Authorization: Bearer ${ca.adminKey}`],
    ['authorization', () => 'authorization: Bearer other'],
    ['content-type', () => 'Content-Type: application/json'],
    ['accept', () => 'Accept: application/json\r\nAccept: text/html'],
    ['idempotency-key', () => 'Idempotency-Key: a\r\nIdempotency-Key: b'],
  ])('a second %s', async ([name, header]) => {
    const got = parse(await exchange(request([...usual(), header()])))
    expectProblem(got, 400, 'malformedRequest', new RegExp(`header ${name} stands twice`))
  })

  test.for<[string, number, () => Buffer | string]>([
    ['a second Content-Length', 400, () => request([...usual(), 'Content-Length: 1'])],
    ['both lengths', 400, () => request([...usual(), 'Transfer-Encoding: chunked'])],
    ['a header that is folded', 400, () => request([...usual(), 'X-A: b', ' c'])],
    ['a NUL in a header', 400, () => request([...usual(), 'X-A: b\0c'])],
    ['headers of 17 KiB', 431, () => request([...usual(), `X-A: ${'b'.repeat(17_000)}`])],
    ['a line that is no request', 400, () => 'NONSENSE\r\n\r\n'],
    ['octets that are no HTTP', 400, () => Buffer.from('16030100000000ff00ff', 'hex')],
  ])('%s', async ([, status, bytes]) => {
    const got = parse(await exchange(bytes()))
    expect(got.headers['content-type']).toBe('application/problem+json')
    expect(got.json).toMatchObject({
      type: 'urn:chancery:problem:malformedRequest',
      status,
      detail: expect.any(String),
    })
    expect(got.status).toBe(status)
  })

  test.for<[string, () => Buffer]>([
    ['no Host', () => request(usual().slice(1))],
    ['a second Host', () => request([...usual(), 'Host: evil.test'])],
  ])('%s', async ([, bytes]) => {
    expect(parse(await exchange(bytes())).status).toBe(400)
  })

  test('the beginning of HTTP/2 without its version is no HTTP, and no bug', async () => {
    const refused = parse(await exchange('PRI /x\r\n\r\n'))
    expect(refused).toMatchObject({
      status: 400,
      json: { detail: expect.stringMatching(/as an HTTP request/) },
    })
    expect(ca.log.join()).not.toContain('bug')
  })

  test.each([
    ['a length', (body: Buffer) => [`Content-Length: ${body.length}`, body]],
    ['chunks', (body: Buffer) => ['Transfer-Encoding: chunked', chunked(body)]],
  ] as const)(
    'a body that is too large, by %s, is read to its end: else its sender would not hear of it',
    async (_, framed) => {
      for (const [at, status] of [
        ['/v1/certificates', 413],
        ['/.well-known/est/simpleenroll', 413],
        ['/acme/new-order', 413],
        ['/ocsp', 200],
      ] as const) {
        const [framing, body] = framed(Buffer.alloc(2_000_000, 'A'))
        const authorization = at.startsWith('/v1') ? `Bearer ${ca.adminKey}` : basic(user, password)
        const type = at.startsWith('/acme') ? 'application/jose+json' : 'application/pkcs10'
        const head = [
          `POST ${at} HTTP/1.1`,
          'Host: localhost',
          `Authorization: ${authorization}`,
          `Content-Type: ${type}`,
          framing,
          '',
          '',
        ]
        const next = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
        const replies = await exchange(
          Buffer.concat([Buffer.from(head.join('\r\n')), body as Buffer, Buffer.from(next)]),
        )
        const statuses = replies.toString('latin1').match(/HTTP\/1\.1 \d{3}/g)
        expect([at, statuses]).toEqual([at, [`HTTP/1.1 ${status}`, 'HTTP/1.1 200']])
      }
    },
  )

  test('the connection is closed on a caller that leaves in the middle, and the next is served', async () => {
    const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ca: ca.rootPem })
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    const bytes = request(usual())
    await new Promise((resolve) => socket.write(bytes.subarray(0, bytes.length - 10), resolve))
    socket.destroy()
    expect((await ca.send(`/v1/certificates/${serialNumber}`, { method: 'GET' })).status).toBe(200)
  })
})

test('a request has 30 s from its first octet to its last, as docs/security.md says', () => {
  for (const { server } of [ca.tls, ca.http]) {
    // Node gives the whole request the longer of the two.
    expect(Math.max(server.headersTimeout, server.requestTimeout)).toBe(30_000)
  }
})

test('and after all that it works as before', async () => {
  const before = ca.log.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50)
  expect(before).toEqual([])
  expect((await ca.call('/readyz', {}, ca.http)).status).toBe(200)
  const issued = await post(honest, DER)
  expect(issued.status).toBe(201)
  inventory = [`${issued.json.serialNumber} null`, ...inventory]
})
