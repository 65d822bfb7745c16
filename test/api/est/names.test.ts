import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { csrDer } from '../requests.ts'
import { EstCa } from './est-ca.ts'

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    est: {
      names: ['example.test', '192.0.2.0/24', '2001:db8::1'],
      labels: { bare: { names: [] }, clients: { profile: 'client' } },
    },
  })
})
afterAll(() => est.close())

const ask = async (at: string, names: readonly string[], more: Partial<Parameters<EstCa['ask']>[0]>) =>
  (await est.ask({ at, csr: csrDer(names), ...more })).status

async function refused(at: string, names: readonly string[], more: Partial<Parameters<EstCa['ask']>[0]>) {
  const { status, text } = await est.refused({ at, csr: csrDer(names), ...more })
  expect(status, text).toBe(403)
  expect(text).toContain(names.at(-1))
}

describe.each(['simpleenroll', 'serverkeygen'])('%s', (operation) => {
  test('gives a user what the label allows', async () => {
    const user = await est.user()
    const good = ['dns:example.test', 'dns:a.b.example.test', 'ip:192.0.2.7', 'ip:2001:db8::1']
    expect(await ask(operation, good, { user })).toBe(200)
    for (const bad of [
      'dns:example.org',
      'dns:badexample.test',
      'dns:example.test.evil.test',
      'ip:192.0.3.1',
      'ip:2001:db8::2',
    ])
      await refused(operation, ['dns:example.test', bad], { user })
    await refused(`clients/${operation}`, ['uri:https://a.example.test/'], { user })
    await refused(`clients/${operation}`, ['email:ada@example.test'], { user })
  })

  test('gives a user what its own list allows, and that alone', async () => {
    const user = await est.user({ names: ['only.example.test', 'other.test'] })
    expect(await ask(operation, ['dns:x.only.example.test', 'dns:other.test'], { user })).toBe(200)
    await refused(operation, ['dns:example.test'], { user })
    const nobody = await est.user({ names: [] })
    await refused(operation, ['dns:example.test'], { user: nobody })
  })

  test('gives a token its names, whatever the label allows', async () => {
    const token = async () =>
      ['x', (await est.ca.token({ names: { dns: ['web.example.org'] } })).token] as const
    const user = await token()
    await refused(operation, ['dns:web.example.test'], { user })
    await refused(operation, ['dns:web.example.org', 'dns:web.example.test'], { user })
    // The refusals have not spent it.
    expect(await ask(operation, ['dns:web.example.org'], { user })).toBe(200)
  })

  test('gives the holder of a certificate its names, and what the label allows', async () => {
    const { identity } = await est.holder(['dns:own.example.org'])
    expect(await ask(`bare/${operation}`, ['dns:own.example.org'], { identity })).toBe(200)
    expect(await ask(operation, ['dns:own.example.org', 'dns:more.example.test'], { identity })).toBe(200)
    await refused(`bare/${operation}`, ['dns:sub.own.example.org'], { identity })
    await refused(`bare/${operation}`, ['dns:own.example.org', 'dns:more.example.test'], { identity })
  })

  test('takes a common name only if it is among the names', async () => {
    const user = await est.user()
    const csr = csrDer(['dns:a.example.test'], { commonName: 'root' })
    const { status, text } = await est.ask({ at: operation, csr, user })
    // The profile says what becomes of another: it is refused or left out, and never certified.
    expect([200, 403], text).toContain(status)
    for (const row of await est.ca.certificates()) expect(row.subject).not.toContain('root')
  })
})
