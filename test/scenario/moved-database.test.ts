import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { failingChecks, ready } from './ready.ts'
import type { Rest } from './rest.ts'
import { workFolder } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

async function enrol(rest: Rest, journal: Journal): Promise<string> {
  const body = { csr: newCsr('web.example.test') }
  const { serialNumber, certificate } = await rest.json<{ serialNumber: string; certificate: string }>(
    'POST',
    '/v1/certificates',
    { body },
  )
  journal.certificates.set(serialNumber, certificate)
  return serialNumber
}

/** What a service says whose database is elsewhere, or nowhere. */
async function expectRefusal(service: ServiceProcess, rest: Rest, serialNumber: string): Promise<void> {
  for (const [path, body] of [
    ['/v1/certificates', { csr: newCsr('lost.example.test') }],
    [`/v1/certificates/${serialNumber}/revoke`, { reason: 'superseded' }],
  ] as const) {
    const refused = await rest.call('POST', path, { body })
    expect(refused.status, refused.body.toString()).toBe(503)
    expect(refused.body.toString()).toContain('Nothing was recorded')
  }
  expect(await failingChecks(rest)).toMatchObject({ status: 503, failing: expect.arrayContaining(['store']) })
  expect(service.log).toContain('was moved, removed or replaced while it was in use')
}

test('a data directory that is moved away, and replaced by an older copy: nothing is acknowledged that would be lost, and nothing read from the copy', async () => {
  const directory = join(workFolder(), 'data')
  const [away, copy] = [join(workFolder(), 'away'), join(workFolder(), 'copy')]
  const service = await startService({ directory })
  const rest = service.rest()
  const journal = new Journal()
  cpSync(directory, copy, { recursive: true })
  const serialNumber = await enrol(rest, journal)
  renameSync(directory, away)
  await expectRefusal(service, rest, serialNumber)

  renameSync(copy, directory)
  await expectRefusal(service, rest, serialNumber)
  // Each by a connection that is opened now.
  const listed = await rest.call('GET', '/v1/certificates')
  expect([listed.status, listed.body.toString()]).toEqual([503, expect.stringContaining('storeFailed')])
  const published = await Published.of(service)
  expect(await published.ocsp(serialNumber)).toBe('good')

  renameSync(directory, copy)
  renameSync(away, directory)
  await ready(rest)
  const { revocation } = await rest.json<{ revocation: { revokedAt: string; reason: string } }>(
    'POST',
    `/v1/certificates/${serialNumber}/revoke`,
    { body: { reason: 'superseded' } },
  )
  journal.revocations.set(serialNumber, revocation)
  await enrol(rest, journal)
  await checkInvariants(service, journal)

  rmSync(directory, { recursive: true })
  await expectRefusal(service, rest, serialNumber)
  rest.close()
  await service.stop()
  expect(existsSync(join(directory, 'chancery.db'))).toBe(false)
})
