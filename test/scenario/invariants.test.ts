import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { type Enrolment, Journal } from './journal.ts'
import { Published } from './published.ts'
import type { Rest } from './rest.ts'

const NOBODY = '4123456789abcdef0123456789abcdef01234567'

describe('checkInvariants', () => {
  let service: ServiceProcess
  let rest: Rest
  beforeAll(async () => {
    service = await startService()
    rest = service.rest()
  })
  afterAll(async () => {
    rest?.close()
    await service?.stop()
  })

  test('finds nothing wrong with a service at rest', async () => {
    const csr = newCsr('web.example.test')
    const { serialNumber, certificate } = await rest.json<{ serialNumber: string; certificate: string }>(
      'POST',
      '/v1/certificates',
      { body: { csr } },
    )
    const { revocation } = await rest.json<{ revocation: { revokedAt: string; reason: string } }>(
      'POST',
      `/v1/certificates/${serialNumber}/revoke`,
      { body: { reason: 'superseded' } },
    )
    const journal = new Journal()
    journal.certificates.set(serialNumber, certificate)
    journal.revocations.set(serialNumber, revocation)
    await checkInvariants(service, journal)
  })

  test.each<[string, (journal: Journal) => void, RegExp]>([
    [
      'certificate',
      (journal) => journal.certificates.set(NOBODY, 'PEM'),
      /certificate 4123\w+ was acknowledged/,
    ],
    ['token', (journal) => journal.tokenIds.add(99), /token 99 was acknowledged/],
    [
      'revocation',
      (journal) =>
        journal.revocations.set(NOBODY, { revokedAt: '2026-01-01T00:00:00Z', reason: 'superseded' }),
      /revocation of 4123\w+ was acknowledged/,
    ],
    [
      'CRL',
      (journal) => journal.sawCrl(99_000_000_000n, Buffer.from('a later one')),
      /the CRL number fell from 99000000000/,
    ],
  ])('misses a %s that was acknowledged and is not there', async (_what, write, reason) => {
    const journal = new Journal()
    write(journal)
    await expect(checkInvariants(service, journal)).rejects.toThrow(reason)
  })

  test('misses the CRL that had the same number and other bytes', async () => {
    const journal = new Journal()
    const { number } = await (await Published.of(service)).crl()
    journal.sawCrl(number, Buffer.from('another'))
    await expect(checkInvariants(service, journal)).rejects.toThrow(/two CRLs have the number/)
  })

  test('takes no second certificate for an enrolment, and no serial number twice', () => {
    const journal = new Journal()
    const enrolment = (): Enrolment => ({
      csr: '',
      token: '',
      tokenId: 1,
      idempotencyKey: '',
      serialNumber: null,
    })
    const first = enrolment()
    journal.acknowledge(first, 'aa', 'PEM')
    journal.acknowledge(first, 'aa', 'PEM')
    expect(() => journal.acknowledge(first, 'bb', 'PEM')).toThrow(/two certificates/)
    expect(() => journal.acknowledge(enrolment(), 'aa', 'PEM')).toThrow(/two enrolments/)
  })
})
