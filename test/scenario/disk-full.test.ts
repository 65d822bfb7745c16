import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, expect, test, vi } from 'vitest'
import { createDatabase, openStore } from '../../src/store/open.ts'
import { eventually } from '../eventually.ts'
import { audit, NOW, sha256 } from '../store/records.ts'
import { newCsr } from './csr.ts'
import { fill } from './fill.ts'
import { cli, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { workFolder } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

const mounts: string[] = []
afterAll(() => {
  for (const folder of mounts) spawnSync('umount', ['-l', folder])
})

/** A file system of so many MiB; null where this user may not mount one. */
function smallDisk(size = 4): string | null {
  const folder = join(workFolder(), 'disk')
  mkdirSync(folder)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'none', folder]).status !== 0) return null
  mounts.push(folder)
  return folder
}

test('a disk that fills up under issuance costs no acknowledged certificate, and room brings the service back', async ({
  skip,
}) => {
  const disk = smallDisk()
  if (!disk) return skip('this user may not mount a file system')
  const directory = join(disk, 'data')
  const service = await startService({ directory })
  const rest = service.rest()
  const journal = new Journal()
  let filled = false
  const refusals: string[] = []
  const client = async (index: number) => {
    for (let n = 0; refusals.length < 8; n++) {
      if (index === 0 && n === 10 && !filled) {
        filled = true
        fill(join(disk, 'ballast'))
      }
      const { status, body, headers } = await rest.call('POST', '/v1/certificates', {
        body: { csr: newCsr(`n${n}.c${index}.example.test`) },
      })
      if (status === 201) {
        const { serialNumber, certificate } = JSON.parse(body.toString())
        journal.certificates.set(serialNumber, certificate)
      } else {
        expect(status, body.toString()).toBe(503)
        expect(Number(headers['retry-after'])).toBeGreaterThan(0)
        refusals.push(body.toString())
      }
    }
  }
  await Promise.all(Array.from({ length: 4 }, (_, index) => client(index)))
  for (const refusal of refusals) expect(refusal).toContain('Nothing was recorded')
  const ready = await rest.call('GET', '/readyz', { bearer: null })
  expect(ready.status).toBe(503)
  expect(JSON.parse(ready.body.toString()).checks).toContainEqual(
    expect.objectContaining({ name: 'store', ok: false }),
  )
  const [serialNumber] = journal.certificates.keys()
  const published = await Published.of(service)
  expect(await published.ocsp(serialNumber!)).toBe('good')
  await published.crl()
  expect((await rest.call('GET', '/v1/certificates?limit=1')).status).toBe(200)

  rmSync(join(disk, 'ballast'))
  await eventually(async () => expect((await rest.call('GET', '/readyz', { bearer: null })).status).toBe(200))
  const { revocation } = await rest.json<{ revocation: { revokedAt: string; reason: string } }>(
    'POST',
    `/v1/certificates/${serialNumber}/revoke`,
    { body: { reason: 'superseded' } },
  )
  journal.revocations.set(serialNumber!, revocation)
  await checkInvariants(service, journal)
  // Beside the service's own: no certificate that was refused.
  expect(await rest.all('/v1/certificates', 'certificates')).toHaveLength(journal.certificates.size + 1)
  rest.close()

  await service.kill()
  const restarted = await startService({ directory })
  await checkInvariants(restarted, journal)
  await restarted.stop()
})

test.for([
  ['shorter', 24],
  ['longer', 40],
] as const)(
  'a WAL %s than what is folded anyhow, on a disk that it filled, is folded when its reader is done',
  async ([, size], { skip }) => {
    const disk = smallDisk(size)
    if (!disk) return skip('this user may not mount a file system')
    const file = join(disk, 'chancery.db')
    createDatabase(file)
    const store = await openStore({ file, probeMilliseconds: 20 })
    const { id } = await store.write('createAdminKey', {
      ...{ name: 'ops', role: 'admin', hash: Buffer.alloc(32), createdAt: NOW, createdBy: 'system:cli' },
      audit: audit('admin-key.create'),
    })
    const reader = new Database(file, { readonly: true })
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM audit').get()
    // The same page again and again: what is in the WAL takes no more room in the database.
    let at = NOW
    const fillWal = async () => {
      for (;;) await store.write('adminKeyUsed', { id, at: ++at })
    }
    await expect(fillWal()).rejects.toMatchObject({ code: 'storeFailed' })
    reader.exec('COMMIT')
    reader.close()
    await eventually(() => store.write('adminKeyUsed', { id, at: ++at }))
    await store.close()
  },
)

test('a first start on a full disk says so, and leaves nothing that the next one stumbles over', async ({
  skip,
}) => {
  const disk = smallDisk()
  if (!disk) return skip('this user may not mount a file system')
  const directory = join(disk, 'data')
  fill(join(disk, 'ballast'))
  await expect(startService({ directory })).rejects.toThrow(/ENOSPC|disk is full/)
  rmSync(join(disk, 'ballast'))
  const service = await startService({ directory })
  await checkInvariants(service)
  await service.stop()
})

test('commands that find no room for a database say so, and call it no defect', async ({ skip }) => {
  const disk = smallDisk()
  if (!disk) return skip('this user may not mount a file system')
  const data = join(workFolder(), 'data')
  expect(await cli(['init', '--dir', data])).toMatchObject({ status: 0 })
  // Room for the passphrases, and not for what comes behind them.
  writeFileSync(join(disk, 'room'), Buffer.alloc(64 * 1024))
  fill(join(disk, 'ballast'))
  rmSync(join(disk, 'room'))
  for (const command of [
    ['init', '--dir', join(disk, 'data')],
    ['backup', '--dir', data, '--out', join(disk, 'backup')],
  ]) {
    const { status, stderr } = await cli(command)
    expect(status).toBe(1)
    expect(stderr).toMatch(/could not be written: database or disk is full\. Make room/)
    expect(stderr).not.toContain('defect')
  }
})

test('a disk smaller than the WAL may get takes writes for as long as the database itself has room', async ({
  skip,
}) => {
  const disk = smallDisk(16)
  if (!disk) return skip('this user may not mount a file system')
  const file = join(disk, 'chancery.db')
  createDatabase(file)
  const store = await openStore({ file, probeMilliseconds: 20 })
  // One by one, so that each is a transaction: together they write many times what the disk has, and keep little of it.
  for (let n = 0; n < 3000; n++) {
    await store.write('createAdminKey', {
      ...{
        name: `ops-${n}`,
        role: 'admin',
        hash: sha256(`key ${n}`),
        createdAt: NOW,
        createdBy: 'system:cli',
      },
      audit: audit('admin-key.create'),
    })
  }
  await store.close()
})
