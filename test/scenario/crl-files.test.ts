import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { addRevoked } from '../../bench/generate/revoked.ts'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { failingChecks } from './ready.ts'
import type { Rest } from './rest.ts'
import { Strace } from './strace.ts'
import { missing } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

/** So many that their list is too long for the database, and goes to a file. */
const REVOKED = 12_000

/** A new certificate, revoked. */
async function revokeOne(rest: Rest): Promise<string> {
  const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
    body: { csr: newCsr('revoked.example.test') },
  })
  await rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
  return serialNumber
}

async function reasonOfCrl(rest: Rest): Promise<string | null> {
  const { checks } = JSON.parse((await rest.call('GET', '/readyz', { bearer: null })).body.toString())
  return checks.find(({ name }: { name: string }) => name === 'crl:intermediate').reason
}

const crlFiles = ({ directory }: ServiceProcess) => readdirSync(join(directory, 'crls'))

type Fault = (service: ServiceProcess) => Promise<AsyncDisposable>

/** What fails of the writing of a file: calls of the threads that write files, or those on the directory alone. */
const FAULTS: readonly (readonly [string, Fault])[] = [
  ['a full disk', async ({ directory }) => smallDisk(join(directory, 'crls'))],
  ['syncs that fail', (service) => Strace.attach(service, failing('fsync'), { threads: 'libuv-worker' })],
  [
    'names that cannot be changed',
    (service) => Strace.attach(service, failing('rename'), { threads: 'libuv-worker' }),
  ],
  [
    'a directory that cannot be synced',
    (service) => Strace.attach(service, failing('fsync'), { paths: [join(service.directory, 'crls')] }),
  ],
]

const failing = (call: string) => [`trace=${call}`, `inject=${call}:error=EIO`]

/** Of 64 KiB; where this user may not mount one, a file that takes the place of the folder. */
function smallDisk(folder: string): AsyncDisposable {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder]).status === 0
  if (!isMounted) {
    rmSync(folder, { recursive: true })
    writeFileSync(folder, '')
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if (isMounted) spawnSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

test.skipIf(missing('strace'))(
  'long CRLs whose files cannot be written are served, told of and made anew after a restart, and no number stands for two lists',
  async () => {
    const first = await startService()
    const { directory } = first
    const someone = first.rest()
    await revokeOne(someone)
    someone.close()
    await first.stop()
    addRevoked(join(directory, 'chancery.db'), REVOKED)
    const revoked = new Set<string>()
    const journal = new Journal()
    for (const [what, fault] of FAULTS) {
      const service = await startService({ directory })
      const rest = service.rest()
      const published = await Published.of(service)
      const before = await published.longCrl()
      journal.sawCrl(before.number, before.der)
      for (const serialNumber of revoked) expect(before.serialNumbers, what).toContain(serialNumber)
      await using _ = await fault(service)
      revoked.add(await revokeOne(rest))
      const after = await eventually(async () => {
        const crl = await published.longCrl()
        for (const serialNumber of revoked) expect(crl.serialNumbers, what).toContain(serialNumber)
        return crl
      })
      expect(after.serialNumbers.size).toBe(before.serialNumbers.size + 1)
      journal.sawCrl(after.number, after.der)
      // Seconds later, once none has followed it.
      await eventually(async () => expect(await reasonOfCrl(rest), what).toMatch(/could not be kept in/))
      // What is served is right: nobody need be sent elsewhere.
      expect(await failingChecks(rest)).toEqual({ status: 200, failing: [] })
      expect((await published.longCrl()).number).toBe(after.number)
      await service.kill()
      rest.close()
    }

    const service = await startService({ directory })
    const rest = service.rest()
    const published = await Published.of(service)
    const last = await published.longCrl()
    journal.sawCrl(last.number, last.der)
    for (const serialNumber of revoked) expect(last.serialNumbers).toContain(serialNumber)
    expect(await reasonOfCrl(rest)).toBeNull()
    rest.close()
    await service.stop()
    expect(crlFiles(service)).toEqual([`intermediate.all.full.${last.number}.crl`])
    const again = await startService({ directory })
    expect((await (await Published.of(again)).longCrl()).der.equals(last.der)).toBe(true)
    await again.stop()
  },
)
