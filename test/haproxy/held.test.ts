import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { holdsCrls } from '../../src/haproxy/held.ts'
import { HaproxyRuntime } from '../../src/haproxy/runtime.ts'
import { encodeCrlEntry } from '../../src/pki/crl/entry.ts'
import { temporaryDirectory } from '../config/temporary.ts'

const AT = Date.parse('2026-11-28T03:00:00Z') / 1000

/** What `holdsCrls` looks at. */
const crl = (...serialNumbers: string[]) => {
  const facts = { revokedAt: AT, reason: 1, invalidityDate: null }
  const entries = serialNumbers.map((serialNumber) => encodeCrlEntry({ serialNumber, ...facts }))
  return { thisUpdate: AT, entries: Buffer.concat(entries) } as Parameters<typeof holdsCrls>[2][number]
}

/** As HAProxy shows it, with the date of `crl`. */
const shown = (...serialNumbers: string[]) =>
  [
    'Version 2',
    'Last Update: Nov 28 03:00:00 2026 GMT',
    ...serialNumbers.flatMap((one) => [
      `    Serial Number: ${one.toUpperCase()}`,
      '        Revocation Date: Nov 28 03:00:00 2026 GMT',
    ]),
    '',
  ].join('\n')

/** A run-time socket behind which these CRLs are in use. */
async function running(...crls: string[]): Promise<HaproxyRuntime> {
  const path = join(temporaryDirectory(), 'admin.sock')
  const server = createServer((socket) => {
    socket.on('data', (line) => {
      const [, index] = /:(\d+)\n$/.exec(line.toString()) ?? []
      socket.end(crls[Number(index) - 1] ?? 'Can’t display the CRL\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => void server.close())
  return new HaproxyRuntime(path)
}

test('of two CRLs of one second, the one that HAProxy has is not taken for the one that it lacks', async () => {
  const runtime = await running(shown('0a'))
  expect(await holdsCrls(runtime, 'crls.pem', [crl('0a')])).toBe(true)
  expect(await holdsCrls(runtime, 'crls.pem', [crl('0a', '0b')])).toBe(false)
  expect(await holdsCrls(runtime, 'crls.pem', [crl()])).toBe(false)
})

test('nor is the CRL of another authority, which was made in the same second', async () => {
  const runtime = await running(shown(), shown('0a'))
  expect(await holdsCrls(runtime, 'crls.pem', [crl(), crl('0a')])).toBe(true)
  expect(await holdsCrls(runtime, 'crls.pem', [crl('0b'), crl('0a')])).toBe(false)
})

test('a long CRL, of which HAProxy shows what its buffer takes, is known by that', async () => {
  const serials = Array.from({ length: 400 }, (_, i) => (0x1000 + i).toString(16))
  const runtime = await running(shown(...serials).slice(0, 16_383))
  expect(await holdsCrls(runtime, 'crls.pem', [crl(...serials)])).toBe(true)
  expect(await holdsCrls(runtime, 'crls.pem', [crl(...serials.slice(1))])).toBe(false)
})
