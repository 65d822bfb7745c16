import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      defaultProfile: 'mine',
      profiles: {
        mine: {
          extends: 'server',
          description: 'Of our own',
          mustStaple: true,
          validity: { default: '36h' },
        },
      },
    },
  })
})
afterAll(() => ca.close())

test('profiles are shown to whoever may enrol, without the service’s own', async () => {
  const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
  const { json } = await ca.call('/v1/profiles', { as: token })
  const names = json.profiles.map(({ name }: { name: string }) => name)
  expect(names.sort()).toEqual(['client', 'mine', 'peer', 'server', 'short-lived', 'spiffe'])
  expect(json.profiles.find(({ name }: { name: string }) => name === 'mine')).toEqual({
    name: 'mine',
    description: 'Of our own',
    isDefault: true,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['serverAuth'],
    keyTypes: ['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519'],
    nameTypes: ['dns', 'ip'],
    defaultValidity: '1d12h',
    maximumValidity: '398d',
    mustStaple: true,
    noRevocation: false,
    renewal: true,
    approval: 'none',
  })
  expect(json.profiles.filter(({ isDefault }: { isDefault: boolean }) => isDefault)).toHaveLength(1)
  expectProblem(await ca.call('/v1/profiles', { as: null }), 401, 'unauthenticated')
})

test('the audit log tells the whole story, the newest first, by filter and by page', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:a.example.test']))
  const from = ca.clock().toISOString()
  ca.now += 3_600_000
  await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
  await ca.call('/v1/certificates', { body: { csr: csrPem(['dns:*.example.test']) } })

  const all = (await ca.call('/v1/audit?limit=1000')).json.entries
  expect(all.map(({ action }: { action: string }) => action)).toEqual([
    'certificate.refuse',
    'certificate.revoke',
    'certificate.issue',
    'token.create',
    'authority.install',
    'authority.create',
    'admin-key.create',
  ])
  expect(all[1]).toEqual({
    id: expect.any(Number),
    at: ca.clock().toISOString(),
    actor: 'admin:default',
    address: '127.0.0.1',
    requestId: expect.stringMatching(/./),
    action: 'certificate.revoke',
    target: serialNumber,
    result: 'ok',
    detail: { reason: 4, adminKey: 1 },
  })
  const actions = async (query: string) =>
    (await ca.call(`/v1/audit?${query}`)).json.entries.map(({ action }: { action: string }) => action)
  expect(await actions(`target=${serialNumber}`)).toEqual(['certificate.revoke', 'certificate.issue'])
  expect(await actions('action=token.create')).toEqual(['token.create'])
  expect(await actions('actor=system:init')).toHaveLength(3)
  expect(await actions(`from=${ca.clock().toISOString()}`)).toEqual([
    'certificate.refuse',
    'certificate.revoke',
  ])
  expect(await actions(`to=${from}&action=certificate.revoke`)).toEqual([])

  const paged: number[] = []
  let after: string | null = null
  do {
    const { json } = await ca.call(
      `/v1/audit?${new URLSearchParams({ limit: '3', ...(after ? { after } : {}) })}`,
    )
    paged.push(...json.entries.map(({ id }: { id: number }) => id))
    after = json.next
  } while (after)
  expect(paged).toEqual(all.map(({ id }: { id: number }) => id))
})

test('the audit log is searched for a serial number as openssl shows it, and for a name that looks so', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:shown.example.test']))
  const targets = async (target: string) =>
    (await ca.call(`/v1/audit?target=${target}`)).json.entries.map(
      (entry: { target: string }) => entry.target,
    )
  const capitals = serialNumber.toUpperCase()
  for (const text of [serialNumber, capitals, capitals.match(/../g)!.join(':')])
    expect(await targets(text), text).toEqual([serialNumber])
  await ca.call('/v1/est/users', { body: { name: 'CAFE' } })
  expect(await targets('CAFE')).toEqual(['CAFE'])
})

test('the audit log is searched from and to a millisecond, as its rows have it', async () => {
  const rows = async (query: string) =>
    (await ca.call(`/v1/audit?action=token.create&${query}`)).json.entries.map(({ at }: { at: string }) => at)
  const second = Math.ceil(ca.now / 1000) * 1000
  const times = [100, 500, 900].map((millisecond) => new Date(second + millisecond).toISOString())
  for (const time of times) {
    ca.now = Date.parse(time)
    await ca.token({ names: ['dns:m.example.test'] })
  }
  const [first, middle, last] = times
  expect(await rows(`from=${middle}`)).toEqual([last, middle])
  expect(await rows(`from=${first}&to=${middle}`)).toEqual([middle, first])
})

test.for(['from=yesterday', 'limit=0', 'after=x', 'who=me', 'actor='])(
  'an audit query is refused with %s',
  async (query) => {
    expectProblem(await ca.call(`/v1/audit?${query}`), 400, 'malformedRequest')
  },
)
