import { expect, test } from 'vitest'
import { AcmeEnrolment, clientOf, newAcmeAccount } from './acme-enrolment.ts'
import { checkOrders } from './acme-orders.ts'
import { AcmeSite, sendOver } from './acme-site.ts'
import { startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'

const ACCOUNTS = 50
const names = Array.from({ length: 500 }, (_, index) => `host-${index}.example.test`)

test('500 orders of 50 accounts at once, each finalised twice at the same moment, give 500 certificates', async () => {
  await using site = await AcmeSite.create(names)
  const service = await startService({ directory: site.directory })
  const rest = service.rest()
  const send = sendOver(rest)
  const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => newAcmeAccount(send)))
  const clients = accounts.map((account) => clientOf(account, send))
  const enrolments = names.map((name, index) => new AcmeEnrolment(accounts[index % ACCOUNTS]!, name))
  await Promise.all(enrolments.map((one, index) => one.pursue(clients[index % ACCOUNTS]!, site.solve)))
  rest.close()

  const journal = new Journal()
  for (const { certificate } of enrolments)
    journal.certificates.set(certificate!.serialNumber, certificate!.pem)
  expect(journal.certificates.size).toBe(names.length)
  await checkInvariants(service, journal)
  await service.stop()
  checkOrders(site.directory, names)
})
