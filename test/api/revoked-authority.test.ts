import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Authority } from '../../src/ca/authority.ts'
import { revokedOf } from '../../src/ca/hierarchy/revoked.ts'
import { DAY, TestCa } from './ca-fixture.ts'
import { newAuthority, revokeByRoot } from './new-authority.ts'
import { csrPem } from './requests.ts'

let ca: TestCa
beforeEach(async () => {
  ca = await TestCa.create({ options: { rollover: { propagation: '0s' } } })
})
afterEach(() => ca.close())

const checks = async () => {
  const { status, json } = await ca.call('/readyz', { as: null }, ca.http)
  expect(status).toBe(200)
  return json.checks.filter(({ reason }: { reason: string | null }) => reason !== null)
}
const told = () => ca.log.filter((line) => line.includes('issues, and is revoked')).length
const revokedBy = async () =>
  Object.fromEntries(
    (await ca.call('/v1/authorities')).json.authorities.map(
      (one: { id: string; revokedBy: string | null }) => [one.id, one.revokedBy],
    ),
  )

test('an active authority that its root has revoked issues on, and is said to be revoked until it is retired', async () => {
  const other = await newAuthority(ca, 'other')
  expect(await checks()).toEqual([])
  await revokeByRoot(ca, ca.issuerPem)
  const reason = expect.stringMatching(
    /^Authority "intermediate" issues, and is revoked: the CRL of "root" lists "CN=.*activate another in its place\.$/,
  )
  expect(await checks()).toMatchObject([{ name: 'authority', ok: true, reason }])
  expect(await revokedBy()).toEqual({ root: null, intermediate: 'root', other: null })
  expect(told()).toBe(1)
  expect((await ca.enrol(csrPem(['dns:web.example.test']))).authority).toBe('intermediate')

  await revokeByRoot(ca, other.json.certificate)
  expect((await checks()).map(({ name }: { name: string }) => name)).toEqual(['authority', 'authority:other'])
  expect(told()).toBe(2)
  // Once a day, and by each process anew.
  ca.now += DAY * 1000
  await ca.reopen()
  expect(told()).toBe(4)

  await newAuthority(ca, 'next', { replaces: 'intermediate' })
  const body = { phase: 'active' }
  expect((await ca.call('/v1/authorities/next/phase', { body })).status).toBe(200)
  expect((await checks()).map(({ name }: { name: string }) => name)).toEqual(['authority:other'])
  expect(await revokedBy()).toMatchObject({ intermediate: 'root', next: null })
})

test('whether it is revoked is found without parsing what is known, since whoever asks /readyz asks for it', async () => {
  await revokeByRoot(ca, ca.issuerPem)
  const { authorities, crl } = ca.service
  const known = authorities.all()
  // Octets that nobody could parse, in the place of each certificate.
  const veil = (der: Buffer) => Buffer.from(known.find((one) => one.certificate.der.equals(der))!.id)
  const all = known.map(
    (one): Authority => ({
      ...one,
      certificate: { ...one.certificate, der: veil(one.certificate.der) },
      chain: one.chain.map(veil),
    }),
  )
  const intermediate = all.find(({ id }) => id === 'intermediate')!
  expect(revokedOf(intermediate, all, (id) => crl.current(id))).toMatchObject({ by: 'root' })
})
