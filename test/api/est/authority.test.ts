import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRoot } from '../../../src/ca/hierarchy/root.ts'
import { addAuthority } from '../../lint/specimens/ca.ts'
import { ROOT_PASSPHRASE } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'
import { EstCa } from './est-ca.ts'
import { certificatesOf } from './messages.ts'

const WEB = ['dns:web.example.test']

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: {
      watched: { extends: 'server', approval: 'always' },
      first: { extends: 'server', authority: 'intermediate' },
    },
    est: {
      names: ['example.test'],
      labels: { second: { authority: 'second' }, both: { authority: 'second', profile: 'first' } },
    },
  })
  const { ca } = est
  const root = await openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
  await addAuthority({ service: ca.service, now: ca.clock() }, root, { id: 'second' })
})
afterAll(() => est.close())

async function expectOf(at: string, enrol: () => ReturnType<EstCa['enrolled']>) {
  const leaf = await enrol()
  const { body } = await est.ask({ at: `${at}/cacerts`, method: 'GET' })
  const issuer = certificatesOf(body).find((one) => leaf.checkIssued(one) && leaf.verify(one.publicKey))
  expect(issuer?.subject).toBeDefined()
  return (await est.ca.certificates())[0]!.authority
}

test('whoever enrols at a label gets a certificate of its authority, whose chain cacerts gives', async () => {
  const { token } = await est.ca.token({ names: { dns: ['web.example.test'] } })
  const user = await est.user()
  const { identity } = await est.holder(WEB)
  const at = 'second/simpleenroll'
  for (const call of [{ user: ['x', token] as const }, { user }, { identity }]) {
    expect(await expectOf('second', () => est.enrolled({ at, csr: csrDer(WEB), ...call }))).toBe('second')
  }
})

test('a renewal at a label is of its authority too', async () => {
  const { identity } = await est.holder(WEB)
  const renewed = () => est.enrolled({ at: 'second/simplereenroll', csr: csrDer(WEB), identity })
  expect(await expectOf('second', renewed)).toBe('second')
})

test('the authority that a profile names goes before that of the label', async () => {
  const user = await est.user()
  const enrolled = () => est.enrolled({ at: 'both/simpleenroll', csr: csrDer(WEB), user })
  expect(await expectOf('both', enrolled)).toBe('intermediate')
})

test('what was approved is of the authority of the label', async () => {
  const { token } = await est.ca.token({ names: { dns: ['web.example.test'] }, profile: 'watched' })
  const call = { at: 'second/simpleenroll', csr: csrDer(WEB), user: ['x', token] as const }
  expect((await est.ask(call)).status).toBe(202)
  const { json } = await est.ca.call('/v1/requests')
  const approved = await est.ca.call(`/v1/requests/${json.requests[0].id}/approve`, { body: {} })
  expect(approved.status, approved.text).toBeLessThan(300)
  expect(await expectOf('second', () => est.enrolled(call))).toBe('second')
})

test('serverkeygen makes no key that would have to wait', async () => {
  const { token } = await est.ca.token({ names: { dns: ['web.example.test'] }, profile: 'watched' })
  const call = { at: 'serverkeygen', csr: csrDer(WEB), user: ['x', token] as const }
  const { status, text } = await est.refused(call)
  expect([status, text]).toEqual([403, expect.stringContaining('cannot wait for approval')])
  expect((await est.ca.call('/v1/requests?state=pending')).json.requests).toEqual([])
})
