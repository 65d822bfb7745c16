import { afterAll, beforeAll, expect, test } from 'vitest'
import { findSecret } from '../../src/sds/secret-source.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem } from '../api/requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const find = (name: string) => findSecret(name, { kind: 'admin', id: 'admin:test' }, ca.service)

test('trust is put together once for all who ask, and anew when a CRL is replaced', async () => {
  const first = await find('roots')
  ca.now += 60_000
  const { serialNumber } = await ca.enrol(csrPem(['dns:web.example.test']))
  const second = await find('roots')
  expect(second.content).toBe(first.content)
  expect(second.refreshAt).toBe(first.refreshAt + 60)
  const bare = await find('roots?crl=none')
  expect(bare.content.validation_context).toEqual({
    trusted_ca: first.content.validation_context!.trusted_ca,
  })

  await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
  const third = await find('roots')
  expect(third.version).not.toBe(first.version)
  expect(third.content.validation_context!.crl).not.toEqual(first.content.validation_context!.crl)
  expect((await find('roots?crl=none')).content).toBe(bare.content)
})
