import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { CaError } from '../src/errors.ts'
import { openChancery } from '../src/index.ts'
import { encodePem } from '../src/pki/pem.ts'
import type { RunningServer } from '../src/server.ts'
import { eventually } from './eventually.ts'
import { startServer } from './start-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'chancery-listener-'))
let server: RunningServer
/** Milliseconds. */
let ahead = 0

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  await (await openChancery({ directory, publicUrl: 'http://ca.example.test' })).close()
  const options = { dir: directory, tlsPort: 0, httpPort: 0, publicUrl: 'http://ca.example.test' }
  server = await startServer({}, options, () => new Date(systemClock().getTime() + ahead))
})
afterAll(async () => {
  vi.useRealTimers()
  await server.close()
  rmSync(directory, { recursive: true })
})

const WISH = { reason: 4, invalidityDate: null }
const ADMIN = { kind: 'admin', id: 'admin:test' } as const
const ORIGIN = { address: '', requestId: '' }

/** The serial number of what a new connection is shown, and whether it verifies for this name. */
async function shown(servername: string): Promise<string> {
  const ca = server.service.authorities.roots().map((der) => encodePem('CERTIFICATE', der))
  const socket = connect({ port: Number(new URL(server.tlsUrl).port), host: '127.0.0.1', servername, ca })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber.toLowerCase()
}

test('the certificate names this host, and the names of its public address', async () => {
  expect(await shown('localhost')).toBe(await shown('ca.example.test'))
  await expect(shown('other.example.test')).rejects.toThrow(/altnames/i)
})

test('its own certificate, once revoked, is replaced without a restart', async () => {
  const revoked = await shown('localhost')
  await server.service.revoker.revoke(revoked, WISH, ADMIN, ORIGIN)
  await eventually(async () => expect(await shown('localhost')).not.toBe(revoked))
  const { rows } = await server.service.store.read.searchCertificates(
    { principal: 'system:tls', now: 0 },
    { limit: 10 },
  )
  expect(rows.map(({ serialNumber }) => serialNumber)).toEqual([await shown('localhost'), revoked])
})

test('is replaced also where that failed at first', async () => {
  const revoked = await shown('localhost')
  const issue = vi.spyOn(server.service.issuer, 'issue')
  issue.mockRejectedValueOnce(new CaError('overloaded', 'Too many writes are waiting.'))
  await server.service.revoker.revoke(revoked, WISH, ADMIN, ORIGIN)
  await eventually(() => expect(issue).toHaveBeenCalledOnce())
  await eventually(async () => {
    vi.advanceTimersByTime(1000)
    expect(await shown('localhost')).not.toBe(revoked)
  })
})

test('is replaced also where the new one cannot be kept on disk', async () => {
  const revoked = await shown('localhost')
  const inTheWay = join(directory, 'keys', 'service-tls.pem.new')
  mkdirSync(inTheWay)
  await server.service.revoker.revoke(revoked, WISH, ADMIN, ORIGIN)
  await eventually(async () => expect(await shown('localhost')).not.toBe(revoked))
  rmdirSync(inTheWay)
})

test('health speaks of the listeners', async () => {
  const names = server.service.health().map(({ name, ok }) => [name, ok])
  expect(names).toContainEqual(['listeners', true])
  expect(names).toContainEqual(['tls', true])
})

test.each(['http/1.1', 'http/1.0'])('a client that offers %s alone is served', async (protocol) => {
  const port = Number(new URL(server.tlsUrl).port)
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [protocol] })
  await once(socket, 'secureConnect')
  expect(socket.alpnProtocol).toBe(protocol)
  const version = protocol.slice('http/'.length)
  socket.end(`GET /acme/directory HTTP/${version}\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*newNonce/s)
})

test('the chain that is shown is the one that is to be sent by now: a cross-certificate in it may have ended', async () => {
  const shownTop = async () => {
    const socket = connect({ port: Number(new URL(server.tlsUrl).port), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    let top = socket.getPeerCertificate(true)
    while (top.issuerCertificate && top.issuerCertificate !== top) top = top.issuerCertificate
    socket.destroy()
    return top.subject.CN
  }
  const { authorities } = server.service
  expect(await shownTop()).toMatch(/^Chancery Issuing CA/)
  const { certificate, chain } = authorities.issuing()
  const chainFor = vi.spyOn(authorities, 'chainFor').mockReturnValue([certificate.der, ...chain])
  await eventually(async () => {
    vi.advanceTimersByTime(1000)
    expect(await shownTop()).toMatch(/^Chancery Root CA/)
  })
  chainFor.mockRestore()
  await eventually(async () => {
    vi.advanceTimersByTime(1000)
    expect(await shownTop()).toMatch(/^Chancery Issuing CA/)
  })
})

test('while nothing can be issued, before the authority begins and after it ends, no certificate is tried for', async () => {
  const { authorities, store } = server.service
  const { certificate, usableUntil } = authorities.issuing()
  const issue = vi.spyOn(server.service.issuer, 'issue')
  const before = await shown('localhost')
  for (const time of [certificate.notBefore - 86_400, usableUntil + 86_400]) {
    ahead = time * 1000 - systemClock().getTime()
    for (let look = 0; look < 100; look++) {
      await vi.advanceTimersByTimeAsync(1000)
      await store.read.newestAudit()
    }
  }
  ahead = 0
  await vi.advanceTimersByTimeAsync(1000)
  expect(issue).not.toHaveBeenCalled()
  expect(await shown('localhost')).toBe(before)
})
