import { afterAll, beforeAll, expect, test } from 'vitest'
import { renaming } from './attributed-csr.ts'
import { EstCa } from './est-ca.ts'

const OLD = ['dns:old.elsewhere.test']

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: {
      final: { extends: 'server', renewal: false },
      asked: { extends: 'client', approval: 'enrol' },
    },
    est: {
      names: ['example.test'],
      changeNames: true,
      labels: {
        devices: { profile: 'client' },
        final: { profile: 'final' },
        asked: { profile: 'asked' },
        fixed: { changeNames: false },
      },
    },
  })
})
afterAll(() => est.close())

const changing = (names: readonly string[]) => renaming(OLD, names)

test('a re-enrolment changes its names to what the label allows, and may keep those that it has', async () => {
  const { identity } = await est.holder(OLD)
  const csr = changing(['dns:new.example.test', ...OLD])
  const leaf = await est.enrolled({ at: 'simplereenroll', csr, identity })
  expect(leaf.subjectAltName).toBe('DNS:new.example.test, DNS:old.elsewhere.test')
  const other = changing(['dns:other.elsewhere.test'])
  expect((await est.refused({ at: 'simplereenroll', csr: other, identity })).status).toBe(403)
  expect((await est.refused({ at: 'fixed/simplereenroll', csr, identity })).status).toBe(403)
})

test('names that a certificate has stay under its profile, whatever that of the label is', async () => {
  const { identity, serialNumber } = await est.holder(OLD)
  const call = { at: 'devices/simplereenroll', identity, csr: changing(OLD) }
  expect((await est.ask(call)).status).toBe(200)
  const rows = await est.ca.certificates()
  const { profile } = rows.find((row) => row.serialNumber === serialNumber)!
  expect(rows[0]!.profile).toBe(profile)
})

test('what a label gives it gives under its own profile alone: another may need no approval, or give a role', async () => {
  const asked = await est.holder(OLD, { profile: 'asked' })
  const at = 'asked/simplereenroll'
  const csr = changing(['dns:new.example.test'])
  expect((await est.ask({ at, csr, identity: asked.identity })).status).toBe(202)
  for (const profile of ['client', 'server']) {
    const { identity } = await est.holder(OLD, { profile })
    const { status, text } = await est.refused({ at, csr, identity })
    expect([status, text]).toEqual([403, expect.stringContaining('under profile "asked" here')])
  }
})

test('names whose profile allows no renewal do not outlive their certificate by a change', async () => {
  const { identity } = await est.holder(OLD, { profile: 'final' })
  const call = { at: 'final/simplereenroll', identity }
  expect((await est.refused({ ...call, csr: changing(OLD) })).status).toBe(403)
})

test('an enrolment has nothing to change', async () => {
  const { status, text } = await est.refused({
    csr: changing(OLD),
    user: await est.user({ names: ['elsewhere.test'] }),
  })
  expect(status).toBe(400)
  expect(text).toContain('ChangeSubjectName')
})
