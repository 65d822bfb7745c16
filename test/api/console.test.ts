import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCa } from './ca-fixture.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const get = (path: string, headers: Record<string, string> = {}) =>
  ca.call(path, { as: null, method: 'GET', headers })

/** The address of the page's script. */
async function script(): Promise<string> {
  const [, path] = /src="\.\/(assets\/[^"]+\.js)"/.exec((await get('/console/')).text)!
  return `/console/${path}`
}

test('the console’s page may load nothing but its own files, and stands in no other page', async () => {
  const { status, headers, text } = await get('/console/')
  expect(status).toBe(200)
  expect(headers['content-type']).toMatch(/^text\/html/)
  expect(headers['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  )
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  expect(text).not.toMatch(/<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=/)
  expect((await get('/console')).headers.location).toBe('console/')
})

test('the page is asked for anew each time, and not sent again where it is the same', async () => {
  const { headers } = await get('/console/')
  expect(headers['cache-control']).toBe('no-cache')
  const again = await get('/console/', { 'if-none-match': String(headers.etag) })
  expect(again.status).toBe(304)
  expect(again.body).toHaveLength(0)
  expect(again.headers['content-security-policy']).toBe(headers['content-security-policy'])
})

test('files whose names change with what is in them are kept for ever, and come compressed', async () => {
  const plain = await get(await script())
  expect(plain.status).toBe(200)
  expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect(plain.headers['content-type']).toMatch(/^(?:text|application)\/javascript/)
  const small = await get(await script(), { 'accept-encoding': 'br' })
  expect(small.headers['content-encoding']).toBe('br')
  expect(small.body.length).toBeLessThan(plain.body.length / 2)
})

test.for([
  '/console/nothing.js',
  '/console/../package.json',
  '/console/%2e%2e/package.json',
  '/console/..%2f..%2fpackage.json',
  '/console/assets/../../index.html',
  '/console//etc/passwd',
  '/console/%00',
])('there is nothing at %s', async (path) => {
  const { status, text } = await get(path)
  expect([400, 403, 404]).toContain(status)
  expect(text).not.toMatch(/"scripts"|root:/)
})

test('the log has one line for each of its files, with their address and the id that a problem tells', async () => {
  const before = ca.log.length
  const problems = []
  for (const path of ['/console/nothing.js?a=b', '/console/%25zz', '/console/%2e%2e%2fx']) {
    const { headers, json } = await get(path)
    expect(headers['content-type']).toMatch(/^application\/problem\+json/)
    problems.push([path.split('?')[0], json.status, json.instance])
  }
  await get('/console/')
  const lines = ca.log.slice(before).map((line) => JSON.parse(line))
  const told = lines.map(({ path, status, reqId }) => [path, status, `urn:chancery:request:${reqId}`])
  expect(told).toEqual([...problems, ['/console/', 200, expect.anything()]])
})

test('the plain listener has no console: what is typed there could be read', async () => {
  expect((await ca.http.inject({ url: '/console/' })).statusCode).toBe(404)
})
