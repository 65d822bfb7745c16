import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaError, PROBLEMS, problemType } from '../../src/api/problems.ts'
import { buildTlsApp } from '../../src/app.ts'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { Issuer } from '../../src/ca/issue.ts'
import { CaError, type ErrorCode } from '../../src/errors.ts'
import type { Service } from '../../src/service.ts'
import type { CommandKind } from '../../src/store/commands.ts'
import type { Store } from '../../src/store/store.ts'
import { expectProblem, expectProblemDocument, PUBLIC_URL, TestCa } from './ca-fixture.ts'
import { csrPem } from './requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const CODES = Object.keys(PROBLEMS) as ErrorCode[]

test('the documents have a row for each', () => {
  const rows = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8').matchAll(
    /^\| (\d{3}) \| `(\w+)` \|/gm,
  )
  expect([...rows].map(([, status, code]) => `${status} ${code}`).sort()).toEqual(
    CODES.map((code) => `${PROBLEMS[code].status} ${code}`).sort(),
  )
})
const csr = csrPem(['dns:problem.example.test'])

/** The TLS application over a service whose store fails at one command. */
function failingAt(command: CommandKind, error: unknown) {
  const { service } = ca
  const store: Store = Object.assign(Object.create(service.store) as Store, {
    write: (kind: CommandKind, input: never) =>
      kind === command ? Promise.reject(error) : service.store.write(kind, input),
  })
  const issuer = new Issuer({
    ...service,
    store,
    defaultProfile: service.config.defaultProfile,
    urls: () => publicUrls(PUBLIC_URL),
    crlPartitions: () => 1,
    idempotencyKeyLife: 86_400,
    waiting: service.config.approvals,
  })
  return buildTlsApp({ ...service, issuer } as Service, ca.logger)
}

describe('the table', () => {
  test('gives every code a status of its kind and a title without a full stop', () => {
    for (const code of CODES) {
      expect(PROBLEMS[code].status).toBeGreaterThanOrEqual(400)
      expect(PROBLEMS[code].title).toMatch(/^[A-Z].*[a-z]$/)
      expect(problemType(code)).toMatch(/^urn:chancery:problem:[a-zA-Z]+$/)
    }
    expect(CODES.filter((code) => PROBLEMS[code].status === 500)).toEqual(['internal'])
  })

  test('what is thrown and is no CaError says nothing', () => {
    for (const thrown of [
      new Error('secret'),
      'secret',
      null,
      undefined,
      7,
      { statusCode: 500, code: 'FST_X', message: 'secret' },
    ]) {
      const problem = asCaError(thrown)
      expect([problem.code, problem.detail]).toEqual(['internal', ''])
      expect(problem.cause ?? null).toBe(thrown ?? null)
    }
  })
})

describe('the caller gets', () => {
  test.for(CODES.filter((code) => code !== 'internal'))('%s as its row says', async (code) => {
    const app = failingAt('recordIssuance', new CaError(code, 'What was wrong, and what to do.'))
    const answer = await ca.call('/v1/certificates', { body: { csr } }, app)
    const { status, title } = PROBLEMS[code]
    expectProblem(answer, status, code, /^What was wrong, and what to do\.$/)
    expect(answer.json.title).toBe(title)
    expect(answer.headers['retry-after']).toBe(status === 503 ? '5' : undefined)
    await app.close()
  })

  test('when to come back, in whole seconds', async () => {
    const app = failingAt('recordIssuance', new CaError('overloaded', 'Too much.', { retryAfter: 1.2 }))
    expect((await ca.call('/v1/certificates', { body: { csr } }, app)).headers['retry-after']).toBe('2')
    await app.close()
  })

  test.for([
    ['an error of the program', new TypeError('cannot read the secret of undefined')],
    [
      'an internal CaError',
      new CaError('internal', 'the secret detail', { cause: new Error('the secret cause') }),
    ],
  ] as const)('nothing about %s, and the log has it with the request id', async ([, error]) => {
    const before = await ca.inventory()
    ca.log.length = 0
    const app = failingAt('recordIssuance', error)
    const answer = await ca.call('/v1/certificates', { body: { csr } }, app)
    expect(answer.status).toBe(500)
    expectProblemDocument(answer)
    expect(answer.text).not.toMatch(/secret|stack|at /)
    const line = ca.log.map((one) => JSON.parse(one)).find(({ level }) => level >= 50)
    expect(JSON.stringify(line)).toMatch(/secret/)
    expect(line.err.stack).toContain('problems.test.ts')
    expect(answer.json.instance).toBe(`urn:chancery:request:${line.reqId}`)
    // The certificate was signed, and is nobody's: nothing of it is released or kept.
    expect(answer.text).not.toContain('BEGIN CERTIFICATE')
    expect(await ca.inventory()).toEqual(before)
    expect((await ca.audit('certificate.refuse'))[0]).toMatchObject({
      result: 'failed',
      detail: { code: 'internal', detail: 'see the log' },
    })
    await app.close()
  })

  test('a store that fails: 503, no certificate, and no attempt to write more', async () => {
    const before = await ca.inventory()
    const audited = (await ca.audit('certificate.refuse')).length
    const app = failingAt('recordIssuance', new CaError('storeFailed', 'The disk is full.'))
    const answer = await ca.call('/v1/certificates', { body: { csr } }, app)
    expectProblem(answer, 503, 'storeFailed')
    expect(answer.text).not.toContain('BEGIN CERTIFICATE')
    expect(await ca.inventory()).toEqual(before)
    expect(await ca.audit('certificate.refuse')).toHaveLength(audited)
    await app.close()
  })

  test('no answer either where the refusal itself cannot be recorded', async () => {
    const app = failingAt('audit', new CaError('storeFailed', 'The disk is full.'))
    const answer = await ca.call('/v1/certificates', { body: { csr, validity: '999d' } }, app)
    expectProblem(answer, 503, 'storeFailed')
    await app.close()
  })
})

describe('the framework’s own errors', () => {
  test.for([
    ['an unknown address', '/nowhere?secret=1', {}, 404, 'notFound', /Nothing is at GET \/nowhere\.$/],
    [
      'another method',
      '/v1/certificates',
      { method: 'PATCH' as const },
      405,
      'methodNotAllowed',
      /takes GET, HEAD, POST alone/,
    ],
    [
      'JSON that is none',
      '/v1/certificates',
      { body: '{', headers: { 'content-type': 'application/json' } },
      400,
      'malformedRequest',
      /JSON/,
    ],
    [
      'no JSON at all',
      '/v1/certificates',
      { body: '', headers: { 'content-type': 'application/json' } },
      400,
      'malformedCsr',
      /empty/,
    ],
    [
      'a field of the wrong type',
      '/v1/certificates',
      { body: { csr: 7 } },
      400,
      'malformedRequest',
      /body\/csr must be string/,
    ],
    [
      'a field that is not known',
      '/v1/certificates',
      { body: { csr, nonsense: 1 } },
      400,
      'malformedRequest',
      /nonsense/,
    ],
    [
      'a value that is none of a few',
      '/v1/certificates?state=good',
      {},
      400,
      'malformedRequest',
      /querystring\/state must be one of: valid, held, revoked, expired\.$/,
    ],
    ['a field that is missing', '/v1/certificates', { body: {} }, 400, 'malformedRequest', /csr/],
    [
      'a content type',
      '/v1/certificates',
      { body: csr, headers: { 'content-type': 'image/png' } },
      415,
      'unsupportedMediaType',
      /Content-Type/,
    ],
    ['a URL that cannot be decoded', '/v1/certificates/%zz', {}, 400, 'malformedRequest', /./],
  ] as const)('%s', async ([, path, call, status, code, detail]) => {
    expectProblem(await ca.call(path, call), status, code, detail)
  })
})
