import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contextPrimitive, sequence } from '../../../src/pki/der/write.ts'
import type { KeyType } from '../../../src/pki/keys/algorithms.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { buildCsr, dnsNames, extension, requesting } from '../../pki/csr/building.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrDer, csrPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      profiles: {
        narrow: {
          extends: 'peer',
          names: {
            types: ['dns', 'ip', 'email', 'uri'],
            maximum: 3,
            dns: { suffixes: ['svc.example.test', 'test.internal'] },
            ip: { networks: ['10.1.0.0/16', '2001:db8:1::/48'] },
            email: { domains: ['example.test'] },
            uri: {
              patterns: [
                'spiffe://example.test/ns/*/sa/*',
                'https://example.test/**',
                'https://*.example.test/',
              ],
            },
          },
        },
        six: { extends: 'peer', names: { ip: { networks: ['::/0'] } } },
        wild: { extends: 'server', names: { dns: { wildcards: true, suffixes: ['example.test'] } } },
        curve: { extends: 'server', keyTypes: ['P-384', 'secp256k1'] },
        long: { extends: 'server', validity: { default: '9y', maximum: '9y' } },
        needs: { extends: 'peer', names: { required: ['dns'] } },
      },
    },
  })
})
afterAll(() => ca.close())

const ask = (profile: string, csr: string, wishes: object = {}) =>
  ca.call('/v1/certificates', { body: { csr, profile, ...wishes } })

describe('names that the profile', () => {
  test.for([
    ['narrow', 'dns:web.svc.example.test'],
    ['narrow', 'dns:svc.example.test'],
    ['narrow', 'dns:a.b.test.internal'],
    ['narrow', 'ip:10.1.255.254'],
    ['narrow', 'ip:2001:db8:1:ffff::1'],
    ['narrow', 'email:ops@example.test'],
    ['narrow', 'uri:spiffe://example.test/ns/web/sa/api'],
    ['narrow', 'uri:https://example.test/a/b/c'],
    ['narrow', 'uri:https://web.example.test/'],
    ['six', 'ip:2001:db8::1'],
    ['wild', 'dns:*.example.test'],
    ['wild', 'dns:*.a.example.test'],
    ['spiffe', 'uri:spiffe://any.domain/a/b/c/d'],
    ['spiffe', 'uri:spiffe://any.domain/one'],
  ])('%s allows: %s', async ([profile, name]) => {
    const answer = await ask(profile!, csrPem([name!]))
    expect(answer.status, answer.text).toBe(201)
  })

  test.for([
    ['narrow', 'dns:web.example.test', /suffixes/],
    // The suffix is compared label by label.
    ['narrow', 'dns:evilsvc.example.test', /suffixes/],
    ['narrow', 'dns:svc.example.test.evil.test', /suffixes/],
    ['narrow', 'ip:10.2.0.1', /networks/],
    ['narrow', 'ip:2001:db8:2::1', /networks/],
    // No IPv6 network has IPv4 addresses in it, whatever ::ffff:0:0/96 is for.
    ['six', 'ip:10.1.0.1', /networks/],
    ['narrow', 'email:ops@sub.example.test', /domain/],
    ['narrow', 'uri:spiffe://example.test/ns/web/sa/api/more', /patterns/],
    ['narrow', 'uri:spiffe://example.test/ns/web', /patterns/],
    ['narrow', 'uri:spiffe://evil.test/ns/web/sa/api', /patterns/],
    ['narrow', 'uri:https://example.testevil.test/a', /patterns/],
    // Fits the letters of "https://*.example.test/", but its host is evil.test.
    ['narrow', 'uri:https://evil.test?.example.test/', /patterns/],
    ['narrow', 'uri:https://evil.test/.example.test/', /patterns/],
    ['server', 'dns:*.example.test', /no wildcards/],
    ['wild', 'dns:*.example.org', /suffixes/],
    ['server', 'uri:spiffe://example.test/a', /no names of type uri/],
    ['spiffe', 'uri:https://example.test/a', /patterns/],
    ['client', 'ip:192.0.2.1', /no names of type ip/],
  ] as [string, string, RegExp][])('%s refuses: %s', async ([profile, name, detail]) => {
    const answer = await ask(profile, csrPem([name]))
    expectProblem(answer, 403, 'nameNotAllowed', detail)
    expect(answer.json.subproblems).toEqual([
      { type: 'urn:chancery:problem:nameNotAllowed', subject: name, detail: expect.stringMatching(detail) },
    ])
  })

  // Each fits "https://example.test/**" or the like by its letters, and names something else to those who resolve it.
  test.for([
    'https://example.test/team/../../admin',
    'https://example.test/team/%2e%2E/admin',
    'https://example.test/team/..%2fadmin',
    'https:/example.test/a',
  ])('are never asked about %s', async (uri) => {
    const san = extension('2.5.29.17', sequence(contextPrimitive(6, Buffer.from(uri))))
    const csr = encodePem('CERTIFICATE REQUEST', buildCsr({ key: newKey(), attributes: requesting(san) }))
    expectProblem(await ask('narrow', csr), 400, 'badName')
    expectProblem(await ask('narrow', csrPem(['ip:10.1.0.1']), { names: { uri: [uri] } }), 400, 'badName')
  })

  test('refuses are all told at once', async () => {
    const answer = await ask('narrow', csrPem(['dns:bad.test', 'ip:10.1.0.1', 'ip:192.0.2.1']))
    expectProblem(answer, 403, 'nameNotAllowed', /Some names are not allowed/)
    expect(answer.json.subproblems.map(({ subject }: { subject: string }) => subject)).toEqual([
      'dns:bad.test',
      'ip:192.0.2.1',
    ])
  })

  test('limits in number, of a kind that is missing, or none at all', async () => {
    const four = [1, 2, 3, 4].map((n) => `ip:10.1.0.${n}`)
    expect((await ask('narrow', csrPem(four.slice(1)))).status).toBe(201)
    expectProblem(await ask('narrow', csrPem(four)), 400, 'badName', /4 names.*at most 3/)
    expectProblem(await ask('needs', csrPem(['ip:10.1.0.1'])), 400, 'badName', /needs a name of type dns/)
    expectProblem(await ask('server', csrPem([])), 400, 'badName', /names nothing/)
    const two = ['uri:spiffe://a.test/1', 'uri:spiffe://a.test/2']
    expectProblem(await ask('spiffe', csrPem(two)), 400, 'badName', /at most 1/)
  })
})

describe('keys', () => {
  test.for<KeyType>(['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'Ed25519'])('%s', async (type) => {
    const key = newKey(type)
    const { certificate } = await ca.enrol(csrPem(['dns:key.example.test'], { key }))
    expect(new X509Certificate(certificate).checkPrivateKey(key)).toBe(true)
  })

  test('of a type that the profile has not', async () => {
    expectProblem(
      await ask('curve', csrPem(['dns:a.test'])),
      403,
      'keyNotAllowed',
      /no P-256 keys. Allowed: P-384, secp256k1/,
    )
  })

  test('secp256k1 only where a profile asks for it', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
    const csr = encodePem(
      'CERTIFICATE REQUEST',
      buildCsr({ key, attributes: requesting(dnsNames('key.example.test')) }),
    )
    expectProblem(await ask('server', csr), 403, 'keyNotAllowed', /secp256k1/)
    expect((await ask('curve', csr)).status).toBe(201)
  })

  test.for([
    ['RSA 1024', () => generateKeyPairSync('rsa', { modulusLength: 1024 })],
    ['RSA with exponent 3', () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })],
    ['P-224', () => generateKeyPairSync('ec', { namedCurve: 'secp224r1' })],
  ] as const)('weak: %s', async ([, generate]) => {
    const csr = buildCsr({ key: generate().privateKey, attributes: requesting(dnsNames('key.example.test')) })
    expectProblem(await ask('server', encodePem('CERTIFICATE REQUEST', csr)), 400, 'weakKey')
  })

  test('a CSR whose signature was made by another key proves nothing', async () => {
    const honest = csrDer(['dns:a.example.test'])
    const forged = Buffer.from(honest)
    forged[forged.length - 3]! ^= 1
    const refusedBefore = (await ca.audit('certificate.refuse')).length
    const answer = await ask('server', encodePem('CERTIFICATE REQUEST', forged))
    expectProblem(answer, 400, 'badCsrSignature')
    expect(await ca.audit('certificate.refuse')).toHaveLength(refusedBefore + 1)
  })
})

describe('validity', () => {
  const life = (certificate: { notAfter: string }) => Date.parse(certificate.notAfter) / 1000 - ca.seconds
  const csr = csrPem(['dns:life.example.test'])

  test('the default, what is asked for, and exactly the maximum', async () => {
    expect(life(await ca.enrol(csr))).toBe(90 * DAY)
    expect(life(await ca.enrol(csr, { validity: '1h30m' }))).toBe(5400)
    expect(life(await ca.enrol(csr, { validity: '398d' }))).toBe(398 * DAY)
    const notAfter = new Date(ca.now + 7 * DAY * 1000).toISOString()
    expect(life(await ca.enrol(csr, { notAfter }))).toBe(7 * DAY)
    // Of the same instant, written for another place on earth.
    expect(life(await ca.enrol(csr, { notAfter: notAfter.replace('Z', '+00:00') }))).toBe(7 * DAY)
  })

  test('one second over the maximum', async () => {
    expectProblem(
      await ask('server', csr, { validity: String(398 * DAY + 1) }),
      403,
      'validityNotAllowed',
      /398d/,
    )
    const notAfter = new Date(ca.now + 398 * DAY * 1000 + 1000).toISOString()
    expectProblem(await ask('server', csr, { notAfter }), 403, 'validityNotAllowed', /398d/)
  })

  test('never outlives the issuer: the default is cut, a wish is refused', async () => {
    const end = ca.service.authorities.issuing().certificate.notAfter
    expect(Date.parse((await ca.enrol(csr, { profile: 'long' })).notAfter) / 1000).toBe(end)
    expectProblem(await ask('long', csr, { validity: '8y' }), 403, 'validityNotAllowed', /outlive its issuer/)
    const last = new Date(end * 1000).toISOString()
    expect((await ask('long', csr, { notAfter: last })).status).toBe(201)
  })

  test('an issuer that is not valid yet, by a clock that was set back, issues nothing', async () => {
    const before = ca.now
    const begin = ca.service.authorities.issuing().certificate.notBefore * 1000
    try {
      // Certificates of a life that ends before the issuer begins, and of one that ends later.
      for (const now of [begin - 1000, begin - 100 * DAY * 1000]) {
        ca.now = now
        expectProblem(await ask('server', csr), 503, 'authorityNotReady', /is valid from .* set the clock\./)
      }
    } finally {
      ca.now = before
    }
  })

  test('an issuer that has expired issues nothing', async () => {
    const before = ca.now
    ca.now = ca.service.authorities.issuing().certificate.notAfter * 1000
    try {
      const answer = await ask('server', csr)
      expectProblem(answer, 503, 'authorityNotReady', /has expired/)
      expect(answer.headers['retry-after']).toBe('5')
    } finally {
      ca.now = before
    }
  })
})
