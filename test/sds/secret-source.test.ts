import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publishedCrl } from '../../src/crl/published-crl.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { discoveryJson, discoveryOctets } from '../../src/sds/secret.ts'
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

test('long CRLs are put into trust, and into JSON, with pauses for others', async () => {
  const der = Buffer.alloc(5_000_000, 'CRL')
  const crl = publishedCrl({ der, number: 1, entries: 1, thisUpdate: 0, nextUpdate: 2 ** 40 }, 0)
  const service = { ...ca.service, crl: { current: () => crl, hasPublished: () => true } }
  const trust = await turnsOf(async () =>
    findSecret('intermediate', { kind: 'admin', id: 'admin:test' }, service as never),
  )
  expect(trust.turns).toBeGreaterThan(9)
  expect(trust.value.content.validation_context!.crl).toEqual({
    inline_string: encodePem('X509 CRL', der).repeat(2),
  })
  const json = await turnsOf(async () => discoveryOctets(trust.value))
  expect(json.turns).toBeGreaterThan(9)
  expect(json.value.equals(Buffer.from(discoveryJson(trust.value)))).toBe(true)
})

/** How often others had their turn before it was done. */
async function turnsOf<T>(work: () => Promise<T>): Promise<{ value: T; turns: number }> {
  let turns = 0
  let isDone = false
  const value = work().finally(() => {
    isDone = true
  })
  for (; !isDone; turns++) await setImmediate()
  return { value: await value, turns }
}
