import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { newCsr } from './csr.ts'
import { startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { failingChecks, ready } from './ready.ts'
import { Strace } from './strace.ts'
import { missing } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

test.skipIf(missing('strace'))(
  'a disk that cannot be read: whatever needs it is refused for a while, what is in memory is served, and it recovers by itself',
  async () => {
    const service = await startService()
    const rest = service.rest()
    const journal = new Journal()
    const enrol = async (name: string) => {
      const answer = await rest.json<{ serialNumber: string; certificate: string }>(
        'POST',
        '/v1/certificates',
        { body: { csr: newCsr(name) } },
      )
      journal.certificates.set(answer.serialNumber, answer.certificate)
      return answer.serialNumber
    }
    const asked = await enrol('asked.example.test')
    const published = await Published.of(service)
    expect(await published.ocsp(asked)).toBe('good')
    // The commit has readers forget the pages that they hold.
    const unasked = await enrol('unasked.example.test')
    const files = ['chancery.db', 'chancery.db-wal'].map((name) => join(service.directory, name))
    const strace = await Strace.attach(service, ['trace=pread64', 'inject=pread64:error=EIO'], {
      paths: files,
    })
    for (const [method, path, body] of [
      ['GET', `/v1/certificates/${unasked}`],
      ['GET', '/v1/certificates?limit=1'],
      ['GET', '/v1/tokens'],
      ['POST', '/v1/certificates', { csr: newCsr('refused.example.test') }],
      ['POST', `/v1/certificates/${unasked}/revoke`, { reason: 'superseded' }],
    ] as const) {
      const refused = await rest.call(method, path, body ? { body } : {})
      expect(refused.status, `${method} ${path}: ${refused.body}`).toBe(503)
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect(JSON.parse(refused.body.toString()).type).toContain('storeFailed')
    }
    expect(await published.ocsp(unasked)).toBe('tryLater')
    expect(await published.ocsp(asked)).toBe('good')
    await published.crl()
    expect(await failingChecks(rest)).toEqual({ status: 503, failing: ['store'] })

    await strace.detach()
    await ready(rest)
    expect(await published.ocsp(unasked)).toBe('good')
    await enrol('after.example.test')
    await checkInvariants(service, journal)
    const rows = await rest.all('/v1/certificates', 'certificates')
    // Beside the service's own: none that was refused.
    expect(rows).toHaveLength(journal.certificates.size + 1)
    rest.close()
    await service.stop()
  },
)
