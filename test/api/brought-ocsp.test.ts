import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenRoot } from '../../src/ca/hierarchy/root.ts'
import { makeRootResponse } from '../../src/ocsp/root-response.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { DAY, TestCa } from './ca-fixture.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from './new-authority.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

/** What a root says of a certificate, for five days. */
async function bring(id: string, root: OpenRoot, certificate: Buffer): Promise<void> {
  const crl = ca.service.crl.current(id)!.der
  const wish = { certificate, crl, validity: 5 * DAY, hash: 'sha1' } as const
  const { status, text } = await ca.call(`/v1/authorities/${id}/ocsp`, {
    method: 'PUT',
    body: (await makeRootResponse(root, wish, ca.clock())).der,
    headers: { 'content-type': 'application/ocsp-response' },
  })
  expect(status, text).toBe(200)
}

async function retire(id: string): Promise<void> {
  const { status, text } = await ca.call(`/v1/authorities/${id}/phase`, { body: { phase: 'retired' } })
  expect(status, text).toBe(200)
}

async function missed(): Promise<string[]> {
  const { json } = await ca.call('/readyz', { as: null }, ca.http)
  const names: string[] = json.checks.map(({ name }: { name: string }) => name)
  return names.filter((name) => name.startsWith('ocsp:'))
}

test('the responses of a root that is retired are missed no longer: nobody is given them', async () => {
  const { root, certificate, crl } = await secondRoot(ca)
  await installRoots(ca, certificate, crl)
  const cross = await crossed(ca, await ownRoot(ca), root)
  await bring(root.id, root, decodePem(cross, 'certificate')[0]!.der)
  expect(await missed()).toEqual([`ocsp:${root.id}`])
  await retire(root.id)
  expect(await missed()).toEqual([])
})

test('one about an authority that answers no more is missed no longer; one about another is', async () => {
  for (const id of ['east', 'west']) {
    await newAuthority(ca, id)
    await bring('root', await ownRoot(ca), ca.service.authorities.get(id)!.certificate.der)
  }
  await retire('east')
  expect(await missed()).toEqual(['ocsp:root'])
  ca.now += 8 * DAY * 1000
  await ca.reopen()
  expect(await missed()).toEqual(['ocsp:root'])
  await bring('root', await ownRoot(ca), ca.service.authorities.get('west')!.certificate.der)
  const { json } = await ca.call('/readyz', { as: null }, ca.http)
  const [check] = json.checks.filter(({ name }: { name: string }) => name === 'ocsp:root')
  expect(Date.parse(check.until)).toBe(ca.now + 5 * DAY * 1000)
})
