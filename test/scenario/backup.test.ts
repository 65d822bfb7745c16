import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { cli, type ServiceProcess, startService } from './harness.ts'
import { Published } from './published.ts'
import type { Rest } from './rest.ts'
import { workFolder } from './tools.ts'

const CLIENTS = 8
const BEFORE = 60
const AFTER = 40

/** Enrols until `isDone`; each serial number is written down once it is acknowledged. */
async function load(rest: Rest, acknowledged: string[], isDone: () => boolean): Promise<void> {
  const client = async (n: number) => {
    for (let i = 0; !isDone(); i++) {
      const name = `client-${n}-${i}.example.test`
      const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
        body: { csr: newCsr(name) },
      })
      acknowledged.push(serialNumber)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(n)))
}

const revoke = (rest: Rest, serialNumber: string) =>
  rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'keyCompromise' } })

/** A backup that another process takes meanwhile, and the certificates that were acknowledged before it began. */
async function backupUnderLoad(service: ServiceProcess, out: string) {
  const rest = service.rest()
  const acknowledged: string[] = []
  let isDone = false
  const running = load(rest, acknowledged, () => isDone)
  await eventually(() => expect(acknowledged.length).toBeGreaterThanOrEqual(BEFORE))
  const before = [...acknowledged]
  await revoke(rest, before[0]!)
  const taken = await service.cli('backup', '--out', out)
  const after = acknowledged.length
  await eventually(() => expect(acknowledged.length).toBeGreaterThanOrEqual(after + AFTER))
  isDone = true
  await running
  rest.close()
  expect(taken.status, taken.stderr).toBe(0)
  // It was taken while certificates were issued.
  expect(after).toBeGreaterThan(before.length)
  const [late, alsoLate] = acknowledged.slice(-2)
  return { before, late: late!, alsoLate: alsoLate! }
}

test('a backup under load has all that was acknowledged before it, and the restored service goes on from a newer CRL', async () => {
  const lost = await startService()
  const out = join(workFolder(), 'backup')
  const { before, late, alsoLate } = await backupUnderLoad(lost, out)
  const rest = lost.rest()
  await revoke(rest, before[1]!)
  await revoke(rest, alsoLate)
  rest.close()
  const seen = await (await Published.of(lost)).crl()
  const crl = join(workFolder(), 'seen.crl')
  writeFileSync(crl, seen.der)
  await lost.kill()

  const directory = join(workFolder(), 'data')
  const restored = await cli(['restore', out, '--dir', directory, '--crl', crl])
  expect(restored.status, restored.stderr).toBe(0)
  for (const name of ['passphrase', 'admin.key'])
    copyFileSync(join(lost.directory, name), join(directory, name))
  const service = await startService({ directory, options: ['--no-init'] })
  const again = service.rest()
  for (const serialNumber of before) await again.json('GET', `/v1/certificates/${serialNumber}`)
  expect((await again.call('GET', `/v1/certificates/${late}`)).status).toBe(404)
  const published = await Published.of(service)
  const now = await published.crl()
  expect(now.number).toBeGreaterThan(seen.number)
  expect(now.serialNumbers).toEqual(new Set([...before.slice(0, 2), alsoLate]))
  expect(await published.ocsp(before[0]!)).toBe('revoked')
  expect(await published.ocsp(before[1]!)).toBe('revoked')
  expect(await published.ocsp(before[2]!)).toBe('good')
  // Issued and revoked after the backup: nothing is on record but that it is revoked.
  expect(await published.ocsp(alsoLate)).toBe('revoked')
  expect((await again.call('GET', '/readyz', { bearer: null })).status).toBe(200)
  // And it works as a CA does.
  await load(again, [], once())
  await revoke(again, before[2]!)
  expect((await published.crl()).number).toBeGreaterThan(now.number)
  again.close()
  await service.stop()
})

/** True from the second round of each client on. */
function once(): () => boolean {
  let asked = 0
  return () => ++asked > CLIENTS
}
