import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { failingChecks, ready } from './ready.ts'
import type { Rest } from './rest.ts'
import { Strace } from './strace.ts'
import { missing } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

/** Names enough that a token fills pages: a checkpoint is due after 8,000 of them. */
const NAMES = Array.from({ length: 100 }, (_, n) => `${'n'.repeat(50)}${n}.${'x'.repeat(60)}.example.test`)

/** Makes tokens until one is refused, and gives what was said then. Bounded, for a fault that is never met. */
async function fillLog(rest: Rest, journal: Journal): Promise<string> {
  let refusal = ''
  const client = async () => {
    for (let n = 0; refusal === '' && n < 2000; n++) {
      const { status, headers, body } = await rest.call('POST', '/v1/tokens', {
        body: { names: { dns: NAMES } },
      })
      if (status === 201) journal.tokenIds.add(JSON.parse(body.toString()).id)
      else {
        expect(status, body.toString()).toBe(503)
        expect(Number(headers['retry-after'])).toBeGreaterThan(0)
        refusal = body.toString()
      }
    }
  }
  await Promise.all(Array.from({ length: 4 }, client))
  return refusal
}

async function enrol(rest: Rest, journal: Journal): Promise<string> {
  const { serialNumber, certificate } = await rest.json<{ serialNumber: string; certificate: string }>(
    'POST',
    '/v1/certificates',
    { body: { csr: newCsr('web.example.test') } },
  )
  journal.certificates.set(serialNumber, certificate)
  return serialNumber
}

const FAULTS = [
  ['pwrite64', 'error=EIO'],
  ['pwrite64', 'error=ENOSPC'],
  ['fsync,fdatasync', 'error=EIO'],
] as const

test.skipIf(missing('strace'))(
  'a database file that cannot be written or synced at a checkpoint costs nothing that was acknowledged, and stops writes until it can',
  async () => {
    const service = await startService()
    const rest = service.rest()
    const journal = new Journal()
    const published = await Published.of(service)
    for (const [calls, fault] of FAULTS) {
      const serialNumber = await enrol(rest, journal)
      const strace = await Strace.attach(service, [`trace=${calls}`, `inject=${calls}:${fault}`], {
        paths: [join(service.directory, 'chancery.db')],
      })
      // With an answer that says so: what came before the failure was seen is on record.
      expect(await fillLog(rest, journal)).toContain('Nothing was recorded')
      expect(await failingChecks(rest)).toEqual({ status: 503, failing: ['store'] })
      expect(await published.ocsp(serialNumber)).toBe('good')
      await published.crl()
      expect((await rest.call('GET', `/v1/certificates/${serialNumber}`)).status).toBe(200)
      await strace.detach()
      await ready(rest)
    }
    await enrol(rest, journal)
    rest.close()
    await service.kill()
    const restarted = await startService({ directory: service.directory })
    const again = restarted.rest()
    // Exactly what was acknowledged, and the service's own certificate.
    expect(await again.all('/v1/tokens', 'tokens')).toHaveLength(journal.tokenIds.size)
    expect(await again.all('/v1/certificates', 'certificates')).toHaveLength(journal.certificates.size + 1)
    again.close()
    await checkInvariants(restarted, journal)
    await restarted.stop()
  },
)

test.skipIf(missing('strace'))('commits go on while a checkpoint waits for the disk', async () => {
  const service = await startService()
  const rest = service.rest()
  const folder = mkdtempSync(join(tmpdir(), 'chancery-trace-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(service.directory, 'chancery.db')
  const trace = join(folder, 'trace')
  // Five seconds each.
  const calls = 'fsync,fdatasync'
  const strace = await Strace.attach(service, [`trace=${calls}`, `inject=${calls}:delay_exit=5s`], {
    paths: [file],
    options: ['-o', trace],
  })
  const synced = () => readFileSync(trace, 'utf8').match(/= 0.*DELAYED/g)?.length ?? 0
  const grown = () => statSync(`${file}-wal`).size
  while (grown() < 8001 * 4120) await issueToken(rest)
  // What comes now would wait for a checkpoint that is made before it; its first sync ends seconds later.
  await Promise.all(Array.from({ length: 8 }, () => issueToken(rest)))
  expect(synced()).toBe(0)
  await eventually(() => expect(synced()).toBeGreaterThan(0))
  await strace.detach()
  rest.close()
  await service.stop()
})

async function issueToken(rest: Rest): Promise<void> {
  const { status, body } = await rest.call('POST', '/v1/tokens', { body: { names: { dns: NAMES } } })
  expect(status, body.toString()).toBe(201)
}
