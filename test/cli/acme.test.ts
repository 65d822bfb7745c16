import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountAnswer, EabKeyAnswer, OrderAnswer } from '../../src/cli/acme-answers.ts'
import { AcmeClient, type Send } from '../api/acme/client.ts'
import { answer } from '../api/ca-fixture.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(() => service.close())

/** Over TLS, as a client elsewhere would. */
const send: Send = (path, { method, headers, body }) =>
  new Promise((resolve, reject) => {
    const ca = readFileSync(join(service.dir, 'root.pem'))
    const sent = request(new URL(path, service.tlsUrl), { method, headers, ca, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve(answer(response.statusCode!, response.headers, Buffer.concat(chunks))))
    })
    sent.on('error', reject)
    sent.end(body)
  })

interface Created {
  readonly kid: string
  readonly hmacKey: string
  readonly expiresAt: string | null
}

async function boundClient({ kid, hmacKey }: Created, fields: object = {}): Promise<[AcmeClient, string]> {
  const client = new AcmeClient(send)
  const externalAccountBinding = await client.externalAccountBinding(kid, Buffer.from(hmacKey, 'base64url'))
  const reply = await client.newAccount({ externalAccountBinding, ...fields })
  expect(reply.status, reply.text).toBe(201)
  return [client, client.kid!.split('/').at(-1)!]
}

const create = (...options: string[]) => service.json<Created>('acme', 'eab', 'create', ...options)

describe('acme eab', () => {
  test('makes a key, shows its secret this once, and says what it allows', async () => {
    const made = await service.command(
      ...['acme', 'eab', 'create', '--profile', 'server', '--name', 'example.test', '--name', '10.0.0.0/8'],
      ...['--reusable', '--ttl', '1h'],
    )
    expect(made).toMatchObject({ exitCode: 0, stderr: '' })
    const [, kid] = /^Key id +([0-9a-f]{24})$/m.exec(made.stdout)!
    const [, hmacKey] = /^HMAC key +([A-Za-z0-9_-]{86})$/m.exec(made.stdout)!
    expect(made.stdout).toMatch(/^Names +example\.test, 10\.0\.0\.0\/8$/m)
    expect(made.stdout).toMatch(/^Accounts +any number$/m)
    const listing = await service.command('acme', 'eab', 'list')
    expect(listing.stdout).toMatch(new RegExp(`^${kid} +open +many +0 +\\S+Z +server +example.test, 10`, 'm'))
    expect(listing.stdout).not.toContain(hmacKey)
  })

  test('makes one for a single account without limits where nothing is said', async () => {
    const key = await create()
    expect(key.expiresAt).toBeNull()
    await boundClient(key)
    const { eabKeys } = await service.json<{ eabKeys: EabKeyAnswer[] }>('acme', 'eab', 'list')
    expect(eabKeys.find(({ kid }) => kid === key.kid)).toMatchObject({
      state: 'used',
      singleUse: true,
      profiles: null,
      names: null,
      accounts: 1,
    })
  })

  test('revokes a key, and says how the accounts are found that stay', async () => {
    const { kid } = await create()
    const revoke = (of: string) => service.command('acme', 'eab', 'revoke', of)
    const first = await revoke(kid)
    expect(first).toMatchObject({ exitCode: 0 })
    expect(first.stdout).toContain(
      `is revoked. Accounts that were made with it: "acme account list --external-key ${kid}"`,
    )
    expect((await revoke(kid)).stdout).toContain('was revoked before')
    expect((await revoke('nobody')).exitCode).toBe(4)
  })

  test('refuses what would allow nothing', async () => {
    for (const [option, value] of [
      ['--profile', 'nonsense'],
      ['--name', '*.example.test'],
      ['--ttl', '0'],
    ]) {
      const refused = await service.command('acme', 'eab', 'create', option!, value!)
      expect(refused, option).toMatchObject({ exitCode: 1, stdout: '' })
    }
  })
})

test('acme account lists, shows and ends accounts', async () => {
  const key = await create('--name', 'example.test')
  const [client, id] = await boundClient(key, { contact: ['mailto:me@example.test'] })
  const { accounts } = await service.json<{ accounts: AccountAnswer[] }>(
    ...['acme', 'account', 'list', '--external-key', key.kid],
  )
  expect(accounts).toMatchObject([{ id: Number(id), status: 'valid', thumbprint: client.key.thumbprint }])
  expect((await service.command('acme', 'account', 'list')).stdout).toMatch(
    new RegExp(`^${id} +valid +\\S+Z +\\S+ +${key.kid} +mailto:me@example.test$`, 'm'),
  )
  const shown = (await service.command('acme', 'account', 'show', id)).stdout
  expect(shown).toMatch(/^Contacts +mailto:me@example\.test$/m)
  expect(shown).toMatch(/^Profiles +any$/m)
  expect(shown).toMatch(/^Names +example\.test$/m)
  const end = () => service.command('acme', 'account', 'deactivate', id)
  expect(await end()).toMatchObject({ exitCode: 0, stdout: `Account ${id} is ended.\n` })
  expect(await end()).toMatchObject({ exitCode: 0, stdout: `Account ${id} was revoked before.\n` })
  expect((await client.newOrder(['example.test'])).status).toBe(401)
  expect((await service.command('acme', 'account', 'show', '999999')).exitCode).toBe(4)
})

test('acme order lists orders and shows what became of their challenges', async () => {
  const [client, account] = await boundClient(await create())
  const order = await client.newOrder(['one.example.test', 'two.example.test'])
  const id = String(order.headers.location).split('/').at(-1)!
  const { orders } = await service.json<{ orders: OrderAnswer[] }>(
    'acme',
    'order',
    'list',
    '--account',
    account,
  )
  expect(orders).toMatchObject([{ id: Number(id), account: Number(account), status: 'pending' }])
  expect((await service.command('acme', 'order', 'list')).stdout).toMatch(
    new RegExp(`^${id} +${account} +pending +\\S+Z +server +one.example.test, two.example.test$`, 'm'),
  )
  await client.post(order.json.authorizations[0], { status: 'deactivated' })
  const shown = (await service.command('acme', 'order', 'show', id)).stdout
  expect(shown).toMatch(/^Status +invalid$/m)
  expect(shown).toMatch(/^dns:one\.example\.test +http-01 +deactivated +0$/m)
  expect(shown).toMatch(/^dns:two\.example\.test +http-01 +pending +0$/m)
  expect((await service.command('acme', 'order', 'show', '999999')).exitCode).toBe(4)
})

test('acme call-for-renewal says how many are concerned', async () => {
  const out = join(service.work, 'web')
  const { serialNumber } = await service.json<{ serialNumber: string }>(
    ...['cert', 'request', '--name', 'web.example.test', '--out', out],
  )
  const call = (...options: string[]) => service.command('acme', 'call-for-renewal', ...options)
  const one = await call(serialNumber, '--starts-at', '2027-01-31T00:00:00Z', '--within', '1d')
  expect(one).toMatchObject({
    exitCode: 0,
    stdout: '1 certificate is to be renewed between 2027-01-31T00:00:00Z and 2027-02-01T00:00:00Z.\n',
  })
  const all = await service.json<{ certificates: number }>(
    ...[
      'acme',
      'call-for-renewal',
      '--authority',
      'intermediate',
      '--explanation-url',
      'https://example.test/',
    ],
  )
  // The service's own is among them.
  expect(all.certificates).toBe(2)
  expect((await call()).exitCode).toBe(2)
  expect((await call(serialNumber, '--authority', 'intermediate')).exitCode).toBe(2)
  expect((await call('4a')).exitCode).toBe(4)
})
