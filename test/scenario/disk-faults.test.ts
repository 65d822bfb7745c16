import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { failingChecks, ready } from './ready.ts'
import type { Reply, Rest } from './rest.ts'
import { Strace } from './strace.ts'
import { missing } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

const enrol = (rest: Rest, name = 'web.example.test') =>
  rest.call('POST', '/v1/certificates', { body: { csr: newCsr(name) } })

function acknowledge(journal: Journal, { status, body }: Reply): string {
  expect(status, body.toString()).toBe(201)
  const { serialNumber, certificate } = JSON.parse(body.toString())
  journal.certificates.set(serialNumber, certificate)
  return serialNumber
}

async function acknowledgeRevocation(rest: Rest, journal: Journal, serialNumber: string): Promise<void> {
  const { revocation } = await rest.json<{ revocation: { revokedAt: string; reason: string } }>(
    'POST',
    `/v1/certificates/${serialNumber}/revoke`,
    { body: { reason: 'superseded' } },
  )
  journal.revocations.set(serialNumber, revocation)
}

/** What holds while the disk is bad: writes are refused, the fault is named, and all that only reads goes on. */
async function expectReadOnly(service: ServiceProcess, rest: Rest, serialNumber: string): Promise<void> {
  expect(await failingChecks(rest)).toMatchObject({ status: 503, failing: expect.arrayContaining(['store']) })
  for (const [path, body] of [
    ['/v1/certificates', { csr: newCsr('refused.example.test') }],
    [`/v1/certificates/${serialNumber}/revoke`, { reason: 'superseded' }],
    ['/v1/tokens', { names: { dns: ['refused.example.test'] } }],
  ] as const) {
    const refused = await rest.call('POST', path, { body })
    expect(refused.status, refused.body.toString()).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.body.toString()).toContain('Nothing was recorded')
  }
  expect((await rest.call('GET', '/v1/certificates?limit=1')).status).toBe(200)
  const published = await Published.of(service)
  expect(await published.ocsp(serialNumber)).toBe('good')
  expect((await published.crl()).serialNumbers).not.toContain(serialNumber)
}

const names = async (rest: Rest) =>
  (await rest.all<'certificates', { names: { dns: string[] } }>('/v1/certificates', 'certificates')).flatMap(
    (row) => row.names.dns,
  )

/** Where it fails, what fails, and what the one is told whose request met it first. */
const FAULTS = [
  ['every sync of the WAL', '-wal', 'fsync,fdatasync', 'error=EIO', 'This may or may not be on record'],
  ['every write to the WAL', '-wal', 'pwrite64', 'error=EIO', 'Nothing was recorded'],
  ['a disk that is full for the WAL', '-wal', 'pwrite64', 'error=ENOSPC', 'Nothing was recorded'],
  ['writes to the WAL of no octet', '-wal', 'pwrite64', 'retval=0', 'Nothing was recorded'],
] as const

test.skipIf(missing('strace')).each(FAULTS)(
  '%s: it is not ready, refuses with 503, answers what it can, and recovers by itself',
  async (_what, file, calls, fault, answer) => {
    const service = await startService()
    const rest = service.rest()
    const journal = new Journal()
    const serialNumber = acknowledge(journal, await enrol(rest))
    const path = join(service.directory, `chancery.db${file}`)
    const expressions = [`trace=${calls}`, `inject=${calls}:${fault}`]
    const first = await Strace.attach(service, expressions, { paths: [path] })
    const met = await enrol(rest, 'lost.example.test')
    expect(met.status).toBe(503)
    expect(met.body.toString()).toContain(answer)
    await expectReadOnly(service, rest, serialNumber)
    await first.detach()
    await ready(rest)
    acknowledge(journal, await enrol(rest))
    await acknowledgeRevocation(rest, journal, serialNumber)
    await checkInvariants(service, journal)

    // And once more, with an end from which only the disk's content is left.
    await using second = await Strace.attach(service, expressions, { paths: [path] })
    expect((await enrol(rest, 'lost.example.test')).status).toBe(503)
    await service.kill()
    await second.detach()
    rest.close()
    const restarted = await startService({ directory: service.directory })
    const again = restarted.rest()
    expect(await names(again)).not.toContain('lost.example.test')
    await checkInvariants(restarted, journal)
    again.close()
    await restarted.stop()
  },
)

test.skipIf(missing('strace'))(
  'one sync that failed is not made good by the next: what it was for is refused, and written over',
  async () => {
    const service = await startService()
    const rest = service.rest()
    const journal = new Journal()
    const wal = join(service.directory, 'chancery.db-wal')
    const strace = await Strace.attach(
      service,
      // By more than the syncs of a recovery: else the write behind each meets the next failure.
      ['trace=fsync,fdatasync', 'inject=fsync,fdatasync:error=EIO:when=1+7'],
      { paths: [wal] },
    )
    let refused = 0
    for (let n = 0; n < 30; n++) {
      const reply = await enrol(rest, `n${n}.example.test`)
      if (reply.status === 201) acknowledge(journal, reply)
      else {
        refused++
        expect(reply.status).toBe(503)
        await ready(rest)
      }
    }
    expect(refused).toBeGreaterThan(5)
    expect(journal.certificates.size).toBeGreaterThan(5)
    await service.kill()
    await strace.detach()
    rest.close()
    const restarted = await startService({ directory: service.directory })
    const again = restarted.rest()
    // Beside the service's own certificate: exactly what was acknowledged.
    expect(await again.all('/v1/certificates', 'certificates')).toHaveLength(journal.certificates.size + 1)
    await checkInvariants(restarted, journal)
    again.close()
    await restarted.stop()
  },
)

test.skipIf(missing('strace'))(
  'a disk that hangs: nothing is acknowledged before its sync, the fault is named, a retry finds the one certificate, and a revocation in doubt is told of',
  async () => {
    const service = await startService()
    const rest = service.rest()
    const journal = new Journal()
    const serialNumber = acknowledge(journal, await enrol(rest))
    const doubtful = acknowledge(journal, await enrol(rest))
    const published = await Published.of(service)
    expect(await published.ocsp(doubtful)).toBe('good')
    const csr = newCsr('slow.example.test')
    const slow = () =>
      rest.call('POST', '/v1/certificates', { body: { csr }, headers: { 'idempotency-key': idempotencyKey } })
    const idempotencyKey = randomUUID()
    // Microseconds. The sync succeeds, after all have given up on it: once the tracer lets go of it.
    const strace = await Strace.attach(
      service,
      ['trace=fsync,fdatasync', 'inject=fsync,fdatasync:delay_enter=300000000:when=1'],
      { paths: [join(service.directory, 'chancery.db-wal')] },
    )
    const revocation = rest.call('POST', `/v1/certificates/${doubtful}/revoke`, {
      body: { reason: 'superseded' },
    })
    for (const met of await Promise.all([slow(), revocation])) {
      expect(met.status).toBe(503)
      expect(met.headers['retry-after']).toBe('1')
      expect(met.body.toString()).toContain('This may or may not be on record')
    }
    await expectReadOnly(service, rest, serialNumber)
    await strace.detach()
    await ready(rest)
    // It did take effect: whoever relies on it hears so without another revocation.
    await eventually(async () => {
      expect(await published.ocsp(doubtful)).toBe('revoked')
      expect((await published.crl()).serialNumbers).toContain(doubtful)
    })
    acknowledge(journal, await slow())
    expect((await names(rest)).filter((name) => name === 'slow.example.test')).toHaveLength(1)
    await checkInvariants(service, journal)
    rest.close()
    await service.stop()
  },
)

test.skipIf(missing('strace'))(
  'a folder of keys that cannot be synced: no authority is made, the answer says why, and the next try meets nothing of it',
  async () => {
    const service = await startService()
    const rest = service.rest()
    const keys = join(service.directory, 'keys')
    const create = () =>
      rest.call('POST', '/v1/authorities', { body: { id: 'issuing-2', subject: 'CN=Issuing CA 2' } })
    const strace = await Strace.attach(service, ['trace=fsync', 'inject=fsync:error=EIO'], { paths: [keys] })
    const refused = await create()
    expect(refused.status, refused.body.toString()).toBe(503)
    expect(refused.body.toString()).toContain('The key could not be written')
    await strace.detach()
    expect((await create()).status).toBe(201)
    rest.close()
    await service.stop()
  },
)

test.skipIf(missing('strace'))(
  'a directory that cannot be synced stops the start, with its reason',
  async () => {
    const service = await startService()
    await service.stop()
    const { directory } = service
    const start = startService({
      directory,
      before: ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-P', directory].concat([
        '-e',
        'trace=fsync',
        '-e',
        'inject=fsync:error=EIO',
      ]),
    })
    await expect(start).rejects.toThrow(/cannot be opened: .*EIO/)
    await (await startService({ directory })).stop()
  },
)
