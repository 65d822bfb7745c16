import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { colonHex } from '../../src/cli/layout.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(() => service.close())

function fetchRoot(url: string, fingerprint: string, out: string) {
  return chancery(['bundle', 'fetch', '--url', url, '--fingerprint', fingerprint, '--out', out])
}

/** A listener that answers everything with this body. */
async function impostor(body: string | Buffer): Promise<string> {
  const server = createServer((_request, response) => response.end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix/`
}

test('fetches the root by its fingerprint, in either form', async () => {
  const dir = temporaryDirectory()
  for (const [name, form] of [
    ['plain', service.rootFingerprint],
    ['colons', colonHex(service.rootFingerprint)],
  ] as const) {
    const out = join(dir, name, 'roots.pem')
    expect(await fetchRoot(service.httpUrl, form, out)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(join(service.dir, 'root.pem'), 'utf8'))
  }
})

test('a fingerprint that nobody has ends with 4', async () => {
  const out = join(temporaryDirectory(), 'roots.pem')
  expect((await fetchRoot(service.httpUrl, 'ab'.repeat(32), out)).exitCode).toBe(4)
  expect(existsSync(out)).toBe(false)
})

test('another certificate under the right address is not written', async () => {
  const out = join(temporaryDirectory(), 'roots.pem')
  const url = await impostor(readFileSync(join(service.dir, 'root.pem')))
  const { exitCode, stderr } = await fetchRoot(url, 'cd'.repeat(32), out)
  expect(exitCode).toBe(1)
  expect(stderr).toContain('another fingerprint')
  expect(existsSync(out)).toBe(false)
})

test('the right certificate with something beside it is not written', async () => {
  const out = join(temporaryDirectory(), 'roots.pem')
  const root = readFileSync(join(service.dir, 'root.pem'), 'utf8')
  for (const body of [root + root, `${root}hello`, '<html>', '']) {
    expect((await fetchRoot(await impostor(body), service.rootFingerprint, out)).exitCode).toBe(1)
  }
  expect(existsSync(out)).toBe(false)
})

test('nobody there ends with 3', async () => {
  const out = join(temporaryDirectory(), 'roots.pem')
  expect((await fetchRoot('http://127.0.0.1:1', 'ab'.repeat(32), out)).exitCode).toBe(3)
})

test('TLS where there is none, and none where there is, are said to be that', async () => {
  const out = join(temporaryDirectory(), 'roots.pem')
  const fetch = (url: string) => fetchRoot(url, service.rootFingerprint, out)
  const plain = await fetch(service.httpUrl.replace('http:', 'https:'))
  expect(plain).toMatchObject({
    exitCode: 3,
    stderr: expect.stringMatching(/^chancery: .*does not speak TLS.*\n$/),
  })
  const tls = await fetch(service.tlsUrl.replace('https:', 'http:'))
  expect(tls).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('speaks TLS (https://)') })
})
