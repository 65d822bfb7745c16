import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TokenAnswer } from '../../src/cli/answers.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(() => service.close())

type Created = TokenAnswer & { token: string }

test('a token enrols one certificate for its names, and no other', async () => {
  const created = await service.json<Created>(
    'token',
    'create',
    '--profile',
    'server',
    '--dns',
    'web.example.test',
    '--ttl',
    '1h',
  )
  expect(created).toMatchObject({ profile: 'server', names: { dns: ['web.example.test'] } })
  const { tokens } = await service.json<{ tokens: (TokenAnswer & { createdAt: string })[] }>('token', 'list')
  const listed = tokens.find(({ id }) => id === created.id)!
  expect(Date.parse(created.expiresAt) - Date.parse(listed.createdAt)).toBe(3_600_000)

  const out = (name: string) => join(service.work, name)
  const request = (name: string, directory: string) =>
    service.command('cert', 'request', '--name', name, '--out', out(directory), '--token', created.token)
  const foreign = await request('other.example.test', 'foreign')
  expect(foreign).toMatchObject({ exitCode: 5, stdout: '' })
  expect((await request('web.example.test', 'web')).exitCode).toBe(0)
  expect((await request('web.example.test', 'again')).exitCode).toBe(5)
})

test('every kind of name is repeatable', async () => {
  const created = await service.json<Created>(
    ...['token', 'create', '--profile', 'peer', '--dns', 'a.test', '--dns', 'b.test', '--ip', '10.0.0.1'],
    ...['--ip', '::1', '--uri', 'spiffe://a.test/x', '--email', 'x@a.test'],
  )
  expect(created.names).toEqual({
    dns: ['a.test', 'b.test'],
    ip: ['10.0.0.1', '::1'],
    email: ['x@a.test'],
    uri: ['spiffe://a.test/x'],
  })
})

test('a token from a file, and one that was revoked', async () => {
  const { token, id } = await service.json<Created>('token', 'create', '--dns', 'file.test')
  const file = join(service.work, 'token')
  writeFileSync(file, `${token}\n`)
  const request = (directory: string) =>
    service.command(
      'cert',
      'request',
      '--name',
      'file.test',
      '--out',
      join(service.work, directory),
      '--token-file',
      file,
    )
  expect((await service.command('token', 'revoke', String(id))).exitCode).toBe(0)
  expect((await request('revoked')).exitCode).toBe(5)
  const listed = await service.json<{ tokens: TokenAnswer[] }>('token', 'list')
  expect(listed.tokens.find((one) => one.id === id)).toMatchObject({ state: 'revoked' })
})

test('the secret is shown at its making alone', async () => {
  const { token } = await service.json<Created>('token', 'create', '--dns', 'secret.test')
  const { stdout } = await service.command('token', 'list')
  expect(stdout).toContain('secret.test')
  expect(stdout).not.toContain(token)
})

test('an unknown token, and a ttl that is none', async () => {
  expect((await service.command('token', 'revoke', '999999')).exitCode).toBe(4)
  const refused = await service.command('token', 'create', '--dns', 'a.test', '--ttl', 'soon')
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain('90d')
})

test.each([
  [['token', 'list'], (n: number) => ['token', 'create', '--dns', `more${n}.test`]],
  [['audit', 'list'], (n: number) => ['token', 'create', '--dns', `audited${n}.test`]],
  [['acme', 'eab', 'list'], (n: number) => ['acme', 'eab', 'create', '--name', `more${n}.test`]],
  [['est', 'user', 'list'], (n: number) => ['est', 'user', 'create', `more${n}`, '--allow', `more${n}.test`]],
])('"%j" says where there is more than it shows, and nothing where there is not', async (list, create) => {
  for (const n of [1, 2]) expect(await service.command(...create(n))).toMatchObject({ exitCode: 0 })
  const more = 'There are more: --all shows them, --limit more of them.\n'
  expect((await service.command(...list, '--limit', '1')).stdout).toContain(more)
  expect((await service.command(...list, '--limit', '1', '--all')).stdout).not.toContain('There are more')
})
