import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeIntermediateCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { generateKey } from '../../src/pki/keys/generate.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { DAY, TestCa } from './ca-fixture.ts'
import { newAuthority, ownRoot } from './new-authority.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

test('the bundle of the chain has every CA below a root, also one between it and an authority, each once', async () => {
  const root = await ownRoot(ca)
  const signer = createKeySigner(await generateKey('P-256'), 'sha256')
  const wish = {
    subject: encodeName([{ type: 'CN', value: 'Policy CA' }]),
    ...{ spki: signer.spki, pathLength: undefined, nameConstraints: null, validity: 2000 * DAY, urls: null },
  }
  const policy = await makeIntermediateCertificate(wish, root.certificate, root.id, root.signer, ca.clock())
  const middle = { id: 'policy', certificate: policy, signer }
  const between = encodePem('CERTIFICATE', policy.der)
  for (const id of ['east', 'west']) {
    const above = between + ca.rootPem
    await newAuthority(ca, id, { root: middle, above })
  }
  const { text } = await ca.call('/bundles/chain.pem', { as: null }, ca.http)
  const own = ['intermediate', 'east', 'west'].map((id) => ca.service.authorities.get(id)!.certificate.der)
  expect(text).toBe(own.map((der) => encodePem('CERTIFICATE', der)).join('') + between)
})
