import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { AsnConvert } from '@peculiar/asn1-schema'
import { CertificateList } from '@peculiar/asn1-x509'
import { expect, test, vi } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { ready } from './ready.ts'
import type { Rest } from './rest.ts'
import { noSetClock, SetClock } from './set-clock.ts'

vi.setConfig({ testTimeout: 120_000 })

const HOUR = 3_600_000
const CLIENTS = 8

/** Stops the whole process, as the host of a virtual machine does, and waits until it stands still. */
async function stop(service: ServiceProcess): Promise<void> {
  service.signal('SIGSTOP')
  await eventually(() =>
    expect(readFileSync(`/proc/${service.pid}/stat`, 'utf8').split(') ')[1]).toMatch(/^T/),
  )
}

async function acknowledged(rest: Rest, journal: Journal, csr: string, key: string): Promise<boolean> {
  const { status, body, headers } = await rest.call('POST', '/v1/certificates', {
    body: { csr },
    headers: { 'idempotency-key': key },
  })
  if (status !== 201) {
    expect(status, body.toString()).toBe(503)
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    return false
  }
  const { serialNumber, certificate } = JSON.parse(body.toString())
  expect(journal.certificates.get(serialNumber) ?? certificate).toBe(certificate)
  journal.certificates.set(serialNumber, certificate)
  return true
}

test.skipIf(noSetClock)(
  'paused under load for moments and for days: whoever waited is answered or refused, nothing is lost, and what is shown is valid now',
  async () => {
    const clock = new SetClock()
    const service = await startService({ environment: clock.environment })
    // This process has another clock.
    const rest = service.rest({ rejectUnauthorized: false })
    const journal = new Journal()
    const published = await Published.of(service)
    const open: { csr: string; key: string }[] = []
    let isOver = false
    const client = async (index: number) => {
      for (let n = 0; !isOver; n++) {
        const [csr, key] = [newCsr(`n${n}.c${index}.example.test`), randomUUID()]
        if (!(await acknowledged(rest, journal, csr, key))) open.push({ csr, key })
      }
    }
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)))
    const goesOn = async () => {
      const before = journal.certificates.size
      await eventually(() => expect(journal.certificates.size).toBeGreaterThan(before + CLIENTS))
    }
    await goesOn()
    const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
      body: { csr: newCsr('asked.example.test') },
    })
    expect(await published.ocsp(serialNumber)).toBe('good')
    let ahead = 0
    for (const length of [0, 0, HOUR, 30 * 24 * HOUR]) {
      await stop(service)
      ahead += length
      clock.set(ahead)
      // Many more that come meanwhile wait in the kernel.
      const late = Array.from({ length: 40 }, async (_, n) => {
        const [csr, key] = [newCsr(`late${n}.example.test`), randomUUID()]
        if (!(await acknowledged(rest, journal, csr, key))) open.push({ csr, key })
      })
      await pause(100)
      service.signal('SIGCONT')
      await Promise.all(late)
      await goesOn()
      await eventually(async () => {
        const { der, number } = await published.crl()
        journal.sawCrl(number, der)
        const { thisUpdate, nextUpdate } = AsnConvert.parse(der, CertificateList).tbsCertList
        expect(thisUpdate.getTime().getTime()).toBeLessThanOrEqual(clock.now)
        expect(nextUpdate!.getTime().getTime()).toBeGreaterThan(clock.now)
      })
      const [single] = (await published.answer(serialNumber)).singles
      expect(single!.thisUpdate * 1000).toBeLessThanOrEqual(clock.now)
      expect(single!.nextUpdate! * 1000).toBeGreaterThan(clock.now)
    }
    isOver = true
    await clients
    await ready(rest)
    // Refused is not recorded, or recorded once: the same key gives one certificate.
    for (const { csr, key } of open) expect(await acknowledged(rest, journal, csr, key)).toBe(true)
    const rows = await rest.all<'certificates', { names: { dns: string[] } }>(
      '/v1/certificates',
      'certificates',
    )
    const names = rows.flatMap(({ names }) => names.dns).filter((name) => /^(n|late)\d/.test(name))
    expect(names).toHaveLength(journal.certificates.size)
    rest.close()
    // As of today, since this process's clock is the real one.
    clock.set(0)
    await eventually(() => checkInvariants(service, journal))
    await service.stop()
  },
)
