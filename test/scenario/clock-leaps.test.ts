import { randomUUID, X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { CertificateList } from '@peculiar/asn1-x509'
import { expect, test, vi } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { startService } from './harness.ts'
import { Journal } from './journal.ts'
import { Published } from './published.ts'
import { noSetClock, SetClock } from './set-clock.ts'
import { shownCertificate } from './shown-certificate.ts'

vi.setConfig({ testTimeout: 120_000 })

const HOUR = 3_600_000
const MONTH = 30 * 24 * HOUR

test.skipIf(noSetClock)(
  'a clock that leaps an hour, a month and back: what is shown is valid at the new time, and numbers never come again',
  async () => {
    const clock = new SetClock()
    const service = await startService({ environment: clock.environment })
    // This process has another clock: the service's certificate is looked at by hand.
    const rest = service.rest({ rejectUnauthorized: false })
    const journal = new Journal()
    const published = await Published.of(service)
    let first: string | null = null
    for (const ahead of [0, HOUR, MONTH, HOUR, 0]) {
      clock.set(ahead)
      // Relying parties share the clock: what is not yet or no longer valid they refuse.
      const isNow = (from: Date, to: Date, what: string) => {
        expect(from.getTime(), `${what} is from the future`).toBeLessThanOrEqual(clock.now)
        expect(to.getTime(), `${what} has ended`).toBeGreaterThan(clock.now)
      }
      await eventually(async () => {
        const { der, number } = await published.crl()
        journal.sawCrl(number, der)
        const { thisUpdate, nextUpdate } = AsnConvert.parse(der, CertificateList).tbsCertList
        isNow(thisUpdate.getTime(), nextUpdate!.getTime(), 'the CRL')
      })
      await eventually(async () => {
        const shown = await shownCertificate(service.tlsUrl)
        isNow(shown.validFromDate, shown.validToDate, 'the certificate of the service')
      })
      rest.close()
      const { serialNumber, certificate } = await rest.json<{ serialNumber: string; certificate: string }>(
        'POST',
        '/v1/certificates',
        { body: { csr: newCsr('web.example.test') }, headers: { 'idempotency-key': randomUUID() } },
      )
      const leaf = new X509Certificate(certificate)
      isNow(leaf.validFromDate, leaf.validToDate, 'a new certificate')
      expect(clock.now - leaf.validFromDate.getTime()).toBeLessThan(HOUR)
      expect(journal.certificates.has(serialNumber)).toBe(false)
      journal.certificates.set(serialNumber, certificate)
      for (const serial of journal.certificates.keys()) {
        const [single] = (await published.answer(serial)).singles
        const { thisUpdate, nextUpdate } = single!
        isNow(new Date(thisUpdate * 1000), new Date(nextUpdate! * 1000), 'the OCSP response')
        expect(single!.status).toBe(first === serial ? 'revoked' : 'good')
      }
      if (first !== null) continue
      first = serialNumber
      await rest.json('POST', `/v1/certificates/${first}/revoke`, { body: { reason: 'superseded' } })
      expect((await published.crl()).serialNumbers).toContain(first)
    }
    const { status, body } = await rest.call('GET', '/readyz', { bearer: null })
    expect(status, body.toString()).toBe(200)
    rest.close()
    await service.stop()
  },
)
