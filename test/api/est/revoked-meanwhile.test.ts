import { afterAll, beforeAll, expect, test } from 'vitest'
import { authenticateEnrollee, type EstCredentials } from '../../../src/est/authenticate-enrollee.ts'
import { enrol } from '../../../src/est/enrol.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { decodePem } from '../../../src/pki/pem.ts'
import { csrDer } from '../requests.ts'
import { EstCa } from './est-ca.ts'

const NAMES = ['dns:pump.example.test']
const ORIGIN = { address: '127.0.0.1', requestId: 'r', protocol: 'est' } as const

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({ est: { names: ['example.test'] } })
})
afterAll(() => est.close())

/** As where a key is made here, which takes seconds, between the two steps. */
async function expectNothing(
  credentials: EstCredentials,
  revoke: () => Promise<unknown>,
  code: string,
): Promise<void> {
  const { service } = est.ca
  const label = service.labels.get(undefined)
  const principal = await authenticateEnrollee(credentials, label, service)
  await revoke()
  const before = await est.ca.inventory()
  const late = enrol(parseCsr(csrDer(NAMES)), principal, label, ORIGIN, service)
  await expect(late).rejects.toMatchObject({ code })
  expect(await est.ca.inventory()).toEqual(before)
}

test('an EST user who is revoked once he is let in gets no certificate', async () => {
  const [name, password] = await est.user()
  const revoke = () => est.ca.call(`/v1/est/users/${name}`, { method: 'DELETE' })
  await expectNothing({ basic: { name, password }, peer: null }, revoke, 'forbidden')
})

test('nor does the holder of a certificate that is revoked then', async () => {
  const { identity, serialNumber } = await est.holder(NAMES)
  const certificate = decodePem(identity.certificate, 'chain')[0]!.der
  const revoke = () => est.ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
  await expectNothing({ basic: null, peer: { certificate, others: [] } }, revoke, 'certificateRevoked')
})
