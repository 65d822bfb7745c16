import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { failingChecks, ready } from './ready.ts'
import type { Rest } from './rest.ts'
import { INSPECTED, WorkerThreads } from './worker-threads.ts'

vi.setConfig({ testTimeout: 120_000 })

/**
 * For a thread with a database: has it do `what` so many times, when a statement that `pattern` fits is run by one of
 * `methods`, before or after that.
 */
function onStatement(
  pattern: RegExp,
  what: string,
  {
    methods = ['run'],
    when = 'before',
    times = 1,
  }: { methods?: readonly string[]; when?: 'before' | 'after'; times?: number } = {},
): string {
  return `(() => {
    const { createRequire } = process.getBuiltinModule('node:module')
    const Database = createRequire(${JSON.stringify(import.meta.url)})('better-sqlite3')
    const prototype = Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1'))
    const fault = () => { ${what} }
    let left = ${times}
    for (const method of ${JSON.stringify(methods)}) {
      const original = prototype[method]
      prototype[method] = function (...parameters) {
        const isMeant = left > 0 && ${pattern}.test(this.source)
        if (isMeant) left--
        if (isMeant && ${when === 'before'}) fault()
        const result = original.apply(this, parameters)
        if (isMeant && ${when === 'after'}) fault()
        return result
      }
    }
  })()`
}

const EXIT = 'process.exit(1)'
const THROW = "throw new Error('a fault of the test')"

/** Of the writer; whether its clients must be told of the fault. */
const FAULTS: readonly (readonly [string, string, 'refused' | 'perhaps'])[] = [
  ['ends among the statements of a batch', onStatement(/INTO certificates/, EXIT), 'refused'],
  ['ends before the commit', onStatement(/^COMMIT/, EXIT), 'refused'],
  ['ends after the commit, before it answers', onStatement(/^COMMIT/, EXIT, { when: 'after' }), 'refused'],
  ['throws where nobody catches it', `setImmediate(() => { ${THROW} })`, 'perhaps'],
  ['has a statement that throws once', onStatement(/INTO certificates/, THROW), 'perhaps'],
  ['has a statement that throws again', onStatement(/INTO certificates/, THROW, { times: 2 }), 'refused'],
  ['has a commit that throws', onStatement(/^COMMIT/, THROW), 'refused'],
  ['throws after the commit', onStatement(/^COMMIT/, THROW, { when: 'after' }), 'refused'],
]

test.each(FAULTS)(
  'a writer that %s: nothing acknowledged is lost, nothing is there twice, and it writes again by itself',
  async (_what, fault, outcome) => {
    const service = await startService({ environment: INSPECTED })
    const rest = service.rest()
    const threads = await WorkerThreads.of(service)
    const journal = new Journal()
    const open: { csr: string; key: string }[] = []
    const enrol = async (csr: string, key: string) => {
      const headers = { 'idempotency-key': key }
      const { status, body } = await rest.call('POST', '/v1/certificates', { body: { csr }, headers })
      if (status === 201) {
        const { serialNumber, certificate } = JSON.parse(body.toString())
        expect(journal.certificates.get(serialNumber) ?? certificate).toBe(certificate)
        journal.certificates.set(serialNumber, certificate)
      }
      return { status, body }
    }
    const isOver = () => journal.certificates.size > 40 && (outcome === 'perhaps' || open.length > 0)
    const client = async (index: number) => {
      for (let n = 0; !isOver() || n < 10; n++) {
        if (index === 0 && n === 3) await threads.finish('chancery-writer', fault)
        const [csr, key] = [newCsr(`n${n}.c${index}.example.test`), randomUUID()]
        const { status, body } = await enrol(csr, key)
        if (status === 201) continue
        // 500 is for the one whose statement threw, and for nobody else.
        expect([500, 503], body.toString()).toContain(status)
        open.push({ csr, key })
        await ready(rest)
      }
    }
    await Promise.all(Array.from({ length: 6 }, (_, index) => client(index)))
    await ready(rest)
    for (const { csr, key } of open) expect((await enrol(csr, key)).status).toBe(201)
    await checkInvariants(service, journal)
    const rows = await rest.all<'certificates', { names: { dns: string[] } }>(
      '/v1/certificates',
      'certificates',
    )
    const names = rows.flatMap(({ names }) => names.dns).filter((name) => name.startsWith('n'))
    expect(names).toHaveLength(journal.certificates.size)
    expect(new Set(names).size).toBe(names.length)
    threads.close()
    rest.close()
    await service.stop()
  },
)

async function issued(rest: Rest): Promise<string> {
  const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
    body: { csr: newCsr('web.example.test') },
  })
  return serialNumber
}

const READS = ['get', 'all', 'iterate', 'run']

test('a search thread that ends in a search, or between two: that one is 503 and says try again, the next is answered', async () => {
  const service = await startService({ environment: INSPECTED })
  const rest = service.rest()
  const threads = await WorkerThreads.of(service)
  await issued(rest)
  const search = () => rest.call('GET', '/v1/certificates?limit=1')
  expect((await search()).status).toBe(200)
  await threads.finish('chancery-search', onStatement(/certificates/, EXIT, { methods: READS }))
  const met = await search()
  expect(met.status).toBe(503)
  expect(Number(met.headers['retry-after'])).toBeGreaterThan(0)
  expect(met.body.toString()).toContain('storeFailed')
  expect((await search()).status).toBe(200)
  const session = await threads.run('chancery-search', EXIT)
  await eventually(() => expect([...threads.sessions.values()]).not.toContain(session))
  expect((await search()).status).toBe(200)
  expect(await failingChecks(rest)).toEqual({ status: 200, failing: [] })
  threads.close()
  rest.close()
  await service.stop()
})

test.each([
  ['ends', EXIT, 'The thread that builds CRLs ended'],
  ['throws', THROW, 'could not be made'],
])(
  'a CRL thread that %s: the revocation stands, /readyz says that a CRL is missing, and the next one has both',
  async (_what, fault, reason) => {
    const service = await startService({ environment: INSPECTED })
    const rest = service.rest()
    const threads = await WorkerThreads.of(service)
    const published = await Published.of(service)
    const journal = new Journal()
    const revoke = async () => {
      const serialNumber = await issued(rest)
      const path = `/v1/certificates/${serialNumber}/revoke`
      const { revocation } = await rest.json<{ revocation: { revokedAt: string; reason: string } }>(
        'POST',
        path,
        { body: { reason: 'superseded' } },
      )
      journal.revocations.set(serialNumber, revocation)
      return serialNumber
    }
    await revoke()
    const before = await published.crl()
    journal.sawCrl(before.number, before.der)
    await threads.finish('chancery-crl', onStatement(/./, fault, { methods: READS }))
    const missed = await revoke()
    await eventually(async () =>
      expect(await failingChecks(rest)).toEqual({ status: 503, failing: ['crl:intermediate'] }),
    )
    expect((await rest.call('GET', '/readyz', { bearer: null })).body.toString()).toContain(reason)
    const meanwhile = await published.crl()
    journal.sawCrl(meanwhile.number, meanwhile.der)
    expect(await published.ocsp(missed)).toBe('revoked')
    await revoke()
    await ready(rest)
    await checkInvariants(service, journal)
    threads.close()
    rest.close()
    await service.stop()
  },
)
