import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { takeBackup } from '../../../src/ca/backup/take.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { installRoots, newAuthority, revokeByRoot, secondRoot } from '../new-authority.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
beforeEach(async () => {
  ca = await TestCa.create({
    options: { profiles: { named: { extends: 'server', authority: 'intermediate' } } },
  })
})
afterEach(() => ca.close())

const phase = (id: string, body: object) => ca.call(`/v1/authorities/${id}/phase`, { body })
const states = async () =>
  Object.fromEntries(
    (await ca.call('/v1/authorities')).json.authorities.map(
      (one: { id: string; state: string; isDefault: boolean }) => [
        one.id,
        one.isDefault ? `${one.state}, default` : one.state,
      ],
    ),
  )
const issuerOf = async (wishes: object = {}) =>
  (await ca.enrol(csrPem(['dns:web.example.test']), { ...wishes })).authority
const failed = (answer: { json: { checks: { name: string; ok: boolean }[] } }) =>
  answer.json.checks.filter(({ ok }) => !ok).map(({ name }) => name)

describe('a staged authority', () => {
  test('is published with CRL and chain, and issues nothing, whoever names it', async () => {
    const installed = await newAuthority(ca, 'next', { replaces: 'intermediate' })
    expect(installed.json).toMatchObject({ state: 'staged', isDefault: false, replaces: 'intermediate' })
    const bundle = await ca.call('/bundles/chain.pem', {}, ca.http)
    expect(bundle.text).toContain(installed.json.certificate)
    for (const path of ['/ca/next.crt', '/crl/next.crl', '/bundles/next.crl.pem'])
      expect((await ca.call(path, {}, ca.http)).status, path).toBe(200)
    expect(await issuerOf()).toBe('intermediate')
    // A profile may name it beforehand: until then it gets what it has got so far.
    expect(await issuerOf({ authority: 'next' })).toBe('intermediate')
    const patch = { method: 'PATCH', body: { isDefault: true } } as const
    expectProblem(await ca.call('/v1/authorities/next', patch), 409, 'conflict', /staged/)
  })

  test('needs another subject than the one that it replaces, and one that there is', async () => {
    const subject = (await ca.call('/v1/authorities/intermediate')).json.subject
    const create = (body: object) => ca.call('/v1/authorities', { body })
    expectProblem(await create({ id: 'x', subject, replaces: 'intermediate' }), 409, 'conflict', /subject/)
    expectProblem(await create({ id: 'x', subject: 'CN=X', replaces: 'root' }), 404, 'unknownAuthority')
  })
})

test('a successor below a root that is not known waits until that is installed', async () => {
  const { root, certificate, crl } = await secondRoot(ca)
  const made = await newAuthority(ca, 'next', { replaces: 'intermediate', root, status: 409 })
  expectProblem(made, 409, 'conflict', /root install/)
  expect((await ca.call('/bundles/roots.crl.pem', {}, ca.http)).status).toBe(200)
  await installRoots(ca, certificate, crl)
  expect((await newAuthority(ca, 'other', { replaces: 'intermediate', root })).json.state).toBe('staged')
})

describe('activation', () => {
  test('waits until the bundles have been out for long enough', async () => {
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    const early = await phase('next', { phase: 'active' })
    expectProblem(early, 409, 'conflict', /rollover\.propagation is 1d/)
    expect(early.json.subproblems).toMatchObject([{ subject: 'propagation' }])
    expect(await states()).toMatchObject({ next: 'staged', intermediate: 'active, default' })
    expect(failed(await phase('next', { phase: 'active', dryRun: true }))).toEqual(['propagation'])

    ca.now += DAY * 1000
    const done = await phase('next', { phase: 'active' })
    expect(done.status, done.text).toBe(200)
    expect(done.json).toMatchObject({
      changed: true,
      becomesDefault: true,
      moves: [
        { id: 'next', from: 'staged', to: 'active' },
        { id: 'intermediate', from: 'active', to: 'retired' },
      ],
    })
    expect(failed(done)).toEqual([])
    expect(await states()).toMatchObject({ next: 'active, default', intermediate: 'retired' })
    expectProblem(await phase('next', { phase: 'active' }), 409, 'conflict', /active already/)
  })

  test('is forced by naming the check, and the audit log says so', async () => {
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    expectProblem(await phase('next', { phase: 'active', force: ['crl'] }), 409, 'conflict')
    const done = await phase('next', { phase: 'active', force: ['propagation'], reason: 'key at risk' })
    expect(done.status, done.text).toBe(200)
    const [row] = await ca.audit('authority.activate')
    expect(row).toMatchObject({
      target: 'next',
      actor: 'admin:default',
      detail: {
        reason: 'key at risk',
        adminKey: 1,
        default: 'next',
        moves: ['next: staged -> active', 'intermediate: active -> retired'],
        forced: [expect.stringMatching(/^propagation: /)],
      },
    })
    expect(await ca.audit('request.refuse')).toMatchObject([{ target: 'next' }])
  })

  test('is refused to one that its root has revoked', async () => {
    const { json } = await newAuthority(ca, 'next', { replaces: 'intermediate' })
    ca.now += DAY * 1000
    expect(failed(await phase('next', { phase: 'active', dryRun: true }))).toEqual([])
    await revokeByRoot(ca, json.certificate)
    const refused = await phase('next', { phase: 'active' })
    expectProblem(refused, 409, 'conflict', /"CN=next" is revoked: the CRL of "root" lists it/)
    expect(refused.json.subproblems).toMatchObject([{ subject: 'crl' }])
  })

  test('lets the new one issue for all that named the old one, and going back undoes it', async () => {
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    const before = await ca.enrol(csrPem(['dns:old.example.test']), { profile: 'named' })
    ca.now += DAY * 1000
    await phase('next', { phase: 'active' })
    expect(await issuerOf()).toBe('next')
    expect(await issuerOf({ profile: 'named' })).toBe('next')
    expect(await issuerOf({ authority: 'intermediate' })).toBe('next')
    const renewed = await ca.call(`/v1/certificates/${before.serialNumber}/renew`, {
      body: { csr: csrPem(['dns:old.example.test']) },
    })
    expect(renewed.json).toMatchObject({ authority: 'next', replaces: before.serialNumber })

    const back = await phase('intermediate', { phase: 'active', others: 'staged' })
    expect(back.status, back.text).toBe(200)
    expect(await states()).toMatchObject({ next: 'staged', intermediate: 'active, default' })
    for (const wishes of [{}, { profile: 'named' }, { authority: 'next' }])
      expect(await issuerOf(wishes)).toBe('intermediate')
    expect((await phase('next', { phase: 'active', others: 'active' })).json.moves).toHaveLength(1)
    expect(await states()).toMatchObject({ next: 'active, default', intermediate: 'active' })
    expect(await issuerOf({ profile: 'named' })).toBe('intermediate')
    expect(await issuerOf()).toBe('next')
  })

  test('needs a life that profiles fit into, a chain that is valid, and its key', async () => {
    await newAuthority(ca, 'short', { replaces: 'intermediate', validity: 30 * DAY })
    ca.now += DAY * 1000
    expect(failed(await phase('short', { phase: 'active', dryRun: true }))).toEqual(['life'])
    ca.now += 30 * DAY * 1000
    const late = failed(await phase('short', { phase: 'active', dryRun: true }))
    expect(late).toEqual(expect.arrayContaining(['chain', 'life']))
    expectProblem(await phase('nobody', { phase: 'active' }), 404, 'unknownAuthority')
    await ca.call('/v1/authorities', { body: { id: 'bare', subject: 'CN=Bare', replaces: 'intermediate' } })
    expectProblem(await phase('bare', { phase: 'active' }), 409, 'conflict', /awaits its certificate/)
  })

  test('retires every other one of its line, also one that was to replace the same', async () => {
    await newAuthority(ca, 'first', { replaces: 'intermediate' })
    await newAuthority(ca, 'second', { replaces: 'intermediate' })
    ca.now += DAY * 1000
    await phase('first', { phase: 'active' })
    const done = await phase('second', { phase: 'active' })
    expect(done.json).toMatchObject({ becomesDefault: true })
    expect(await states()).toMatchObject({
      second: 'active, default',
      first: 'retired',
      intermediate: 'retired',
    })
    for (const authority of ['first', 'intermediate']) expect(await issuerOf({ authority })).toBe('second')
    expect(await issuerOf({ profile: 'named' })).toBe('second')
    const back = await phase('first', { phase: 'active' })
    expect(back.json.moves).toMatchObject([{ id: 'first' }, { id: 'second', to: 'retired' }])
  })

  test('of two at once, one wins and the other hears of it', async () => {
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    ca.now += DAY * 1000
    const both = await Promise.all([phase('next', { phase: 'active' }), phase('next', { phase: 'active' })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
  })
})

describe('a retired authority', () => {
  const crl = async () => (await ca.call('/crl/intermediate.pem', {}, ca.http)).text

  test('answers by CRL and OCSP until a week after its last certificate, and not beyond', async () => {
    const leaf = await ca.enrol(csrPem(['dns:old.example.test']), { notAfter: undefined })
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    ca.now += DAY * 1000
    await phase('next', { phase: 'active' })
    const before = await crl()
    const revoked = await ca.call(`/v1/certificates/${leaf.serialNumber}/revoke`, { body: {} })
    expect(revoked.status, revoked.text).toBe(200)
    expect(await crl()).not.toBe(before)

    const { authority } = (await phase('intermediate', { phase: 'staged', dryRun: true })).json
    expect(Date.parse(authority.answersUntil)).toBe(Date.parse(leaf.notAfter) + 7 * DAY * 1000)
    ca.now = Date.parse(authority.answersUntil)
    await ca.reopen()
    const bundle = await ca.call('/bundles/roots.crl.pem', {}, ca.http)
    expect(bundle.status).toBe(200)
    expect(bundle.text).not.toContain((await crl()).trim())
  })

  test('needs its key no more when it answers no more: the service starts, backups are taken, and it stays retired', async () => {
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    ca.now += DAY * 1000
    await phase('next', { phase: 'active' })
    const key = join(ca.directory, 'keys', 'intermediate.key.pem')
    renameSync(key, `${key}.away`)
    await expect(ca.reopen()).rejects.toThrow(/cannot be read/)
    renameSync(`${key}.away`, key)
    await ca.reopen()
    ca.now = Date.parse((await ca.call('/v1/authorities/intermediate')).json.answersUntil)
    rmSync(key)
    await ca.reopen()
    expect((await ca.call('/bundles/roots.crl.pem', {}, ca.http)).status).toBe(200)
    expect(await issuerOf()).toBe('next')
    for (const wish of ['staged', 'active'])
      expectProblem(await phase('intermediate', { phase: wish }), 409, 'conflict', /key .* is not here/)
    const patch = { method: 'PATCH', body: { state: 'active' } } as const
    expectProblem(await ca.call('/v1/authorities/intermediate', patch), 409, 'conflict', /is not here/)
    const out = `${ca.directory}.backup`
    onTestFinished(() => rmSync(out, { recursive: true, force: true }))
    const { files } = await takeBackup({ directory: ca.directory, out, include: [], clock: ca.clock })
    expect(files.map(({ name }) => name)).not.toContain('keys/intermediate.key.pem')
  })

  test('that has left the bundles of CRLs stands in them again for a day before it issues', async () => {
    await newAuthority(ca, 'next', { replaces: 'intermediate' })
    ca.now += DAY * 1000
    await phase('next', { phase: 'active' })
    ca.now = Date.parse((await ca.call('/v1/authorities/intermediate')).json.answersUntil)
    await ca.reopen()
    const early = await phase('intermediate', { phase: 'active' })
    expectProblem(early, 409, 'conflict', /has left the bundles: stage it first/)
    ca.now += 30 * DAY * 1000
    await ca.reopen()
    const force = ['propagation']
    expectProblem(
      await phase('intermediate', { phase: 'active', force }),
      409,
      'conflict',
      /that makes the next/,
    )

    expect((await phase('intermediate', { phase: 'staged' })).status).toBe(200)
    expect((await ca.call('/bundles/roots.crl.pem', {}, ca.http)).text).toContain((await crl()).trim())
    const { publishedAt } = (await ca.call('/v1/authorities/intermediate')).json
    expect(Date.parse(publishedAt)).toBe(ca.now)
    const soon = await phase('intermediate', { phase: 'active', dryRun: true })
    expect(failed(soon)).toEqual(['propagation'])
    ca.now += DAY * 1000
    expect((await phase('intermediate', { phase: 'active' })).status).toBe(200)
  })

  test('is one after the same checks where PATCH says so, and back', async () => {
    const patch = (id: string, state: string) =>
      ca.call(`/v1/authorities/${id}`, { method: 'PATCH', body: { state } })
    await newAuthority(ca, 'other')
    await ca.call('/v1/authorities/other', { method: 'PATCH', body: { isDefault: true } })
    expectProblem(await patch('intermediate', 'retired'), 409, 'conflict', /Nobody would issue for named/)
    expect((await patch('intermediate', 'active')).status).toBe(200)
    await ca.call('/v1/authorities/intermediate', { method: 'PATCH', body: { isDefault: true } })
    expect((await patch('other', 'retired')).json).toMatchObject({ state: 'retired' })
    const early = await patch('other', 'active')
    expectProblem(early, 409, 'conflict', /rollover\.propagation/)
    expect(early.json.subproblems).toMatchObject([{ subject: 'propagation' }])
    ca.now += DAY * 1000
    expect((await patch('other', 'active')).json).toMatchObject({ state: 'active', isDefault: false })
    expect(await states()).toMatchObject({ intermediate: 'active, default' })
  })

  test('is not to be what a label of EST names, for which nobody else would issue', async () => {
    await ca.close()
    ca = await TestCa.create({
      options: { est: { names: ['example.test'], labels: { lab: { authority: 'lab' } } } },
    })
    await newAuthority(ca, 'lab')
    const refused = await phase('lab', { phase: 'retired' })
    expectProblem(refused, 409, 'conflict', /Nobody would issue for EST’s label lab/)
    await newAuthority(ca, 'next', { replaces: 'lab' })
    ca.now += DAY * 1000
    expect((await phase('next', { phase: 'active' })).status).toBe(200)
    expect(await states()).toMatchObject({ next: 'active', lab: 'retired' })
  })

  test('is not to be the default, nor named by a profile for which nobody else would issue', async () => {
    expectProblem(await phase('intermediate', { phase: 'retired' }), 409, 'conflict', /default/)
    await newAuthority(ca, 'other')
    await ca.call('/v1/authorities/other', { method: 'PATCH', body: { isDefault: true } })
    const refused = await phase('intermediate', { phase: 'retired' })
    expectProblem(refused, 409, 'conflict', /Nobody would issue for named/)
    const forced = await phase('intermediate', { phase: 'retired', force: ['successor'] })
    expect(forced.status, forced.text).toBe(200)
    expect(await states()).toMatchObject({ other: 'active, default', intermediate: 'retired' })
  })
})
