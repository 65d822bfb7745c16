import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csrDer } from '../requests.ts'
import { EstCa } from './est-ca.ts'

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({ est: { names: ['example.test'], labels: { devices: { profile: 'client' } } } })
})
afterAll(() => est.close())

const READING = ['cacerts', 'csrattrs']
const WRITING = ['simpleenroll', 'simplereenroll', 'serverkeygen']

describe.each(['', 'devices/'])('at /.well-known/est/%s', (label) => {
  test.each(READING)('%s takes GET and HEAD alone', async (operation) => {
    const at = label + operation
    expect((await est.ask({ at, method: 'GET' })).status).toBe(200)
    expect((await est.ask({ at, method: 'HEAD' })).status).toBe(200)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const { status, headers } = await est.refused({
        at,
        method,
        ...(method === 'POST' ? { csr: csrDer([]) } : {}),
      })
      expect([status, headers.allow], method).toEqual([405, 'GET, HEAD'])
    }
  })

  test.each(WRITING)('%s takes POST alone', async (operation) => {
    const at = label + operation
    const user = await est.user()
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
      const { status, headers } = await est.refused({ at, method, user })
      expect([status, headers.allow], method).toEqual([405, 'POST'])
    }
    const { status, headers } = await est.ask({ at, method: 'HEAD' })
    expect([status, headers.allow]).toEqual([405, 'POST'])
    // No client sends them, but scanners do.
    for (const method of ['TRACE', 'PROPFIND']) {
      const refusal = await est.refused({ at, method: method as 'GET' })
      expect([refusal.status, refusal.headers.allow], method).toEqual([405, 'POST'])
    }
  })

  test('full CMC is not implemented, whatever is sent', async () => {
    const at = `${label}fullcmc`
    const headers = { 'content-type': 'application/pkcs7-mime; smime-type=CMC-request' }
    expect((await est.refused({ at, headers, csr: 'MAA=' })).status).toBe(501)
    expect((await est.refused({ at, method: 'GET' })).status).toBe(501)
  })

  test.each(['unknown', 'simpleenroll/more', 'SimpleEnroll', ''])(
    'there is no operation "%s"',
    async (operation) => {
      for (const method of ['GET', 'POST', 'DELETE'] as const) {
        expect((await est.refused({ at: label + operation, method })).status, method).toBe(404)
      }
    },
  )
})

test.each(['', '/', '?a', '/%zz', '/%zz/cacerts', '/nothing?a=%zz'])(
  'nothing is at /.well-known/est%s, which is said in plain text',
  async (rest) => {
    for (const method of ['GET', 'POST', 'TRACE']) {
      const { status, headers, text } = await est.ca.send(`/.well-known/est${rest}`, {
        as: null,
        method: method as 'GET',
      })
      expect([status, headers['content-type']], method).toEqual([
        /^\/%zz/.test(rest) ? 400 : 404,
        'text/plain; charset=utf-8',
      ])
      expect(text).toMatch(/^\S.*\.\n$/)
    }
  },
)

test.each(['nowhere', 'Devices', '__proto__', 'constructor', '%2e%2e', 'cacerts'])(
  'there is no label "%s"',
  async (label) => {
    const user = await est.user()
    for (const at of READING)
      expect((await est.refused({ at: `${label}/${at}`, method: 'GET' })).status).toBe(404)
    for (const at of WRITING) {
      expect(
        (await est.refused({ at: `${label}/${at}`, user, csr: csrDer(['dns:a.example.test']) })).status,
      ).toBe(404)
    }
  },
)

test('nothing of it is on the plain listener', async () => {
  for (const operation of [...READING, ...WRITING]) {
    const answer = await est.ca.call(`/.well-known/est/${operation}`, { as: null }, est.ca.http)
    expect(answer.status).toBe(404)
  }
})

test('nothing of it is there where it is switched off', async () => {
  const off = await EstCa.create({ est: { enabled: false } })
  try {
    for (const at of READING) expect((await off.ask({ at, method: 'GET' })).status).toBe(404)
    for (const at of WRITING) expect((await off.ask({ at, csr: csrDer([]) })).status).toBe(404)
  } finally {
    await off.close()
  }
})
