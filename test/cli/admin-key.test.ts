import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { toolIsMissing } from '../pki/external-tool.ts'
import { startServer } from '../start-server.ts'
import { chancery } from './console.ts'
import { runService } from './running-service.ts'

async function initialised(): Promise<string> {
  const dir = join(temporaryDirectory(), 'data')
  expect((await chancery(['init', '--dir', dir])).exitCode).toBe(0)
  return dir
}

test('a leaked admin key is replaced: the new one opens the service, the old one nothing', async () => {
  const dir = await initialised()
  const made = await chancery(['admin-key', 'create', 'ops', '--role', 'admin', '--offline', '--dir', dir])
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  const file = join(dir, 'ops.key')
  expect(made.stdout).toContain(file)
  expect(made.stdout).not.toContain('chancery_admin_')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).toMatch(/^chancery_admin_[\w-]{43}\n$/)
  const revoked = await chancery(['admin-key', 'revoke', 'default', '--offline', '--dir', dir])
  expect(revoked).toMatchObject({ exitCode: 0, stdout: 'Admin key default is revoked.\n' })

  const server = await startServer({ CHANCERY_DIR: dir, CHANCERY_TLS_PORT: '0', CHANCERY_HTTP_PORT: '0' })
  try {
    const environment = { CHANCERY_DIR: dir, CHANCERY_TLS_PORT: new URL(server.tlsUrl).port }
    expect((await chancery(['token', 'list'], environment)).exitCode).toBe(5)
    expect((await chancery(['token', 'list', '--key-file', file], environment)).exitCode).toBe(0)
    renameSync(file, join(dir, 'admin.key'))
    expect((await chancery(['token', 'list'], environment)).exitCode).toBe(0)
    // The service has the directory: two that write admin keys at once would be one too many.
    const busy = await chancery(['admin-key', 'create', 'more', '--role', 'admin', '--offline'], environment)
    expect(busy).toMatchObject({ exitCode: 2, stdout: '' })
    expect(busy.stderr).toContain('in use')
    expect(existsSync(join(dir, 'more.key'))).toBe(false)
  } finally {
    await server.close()
  }

  const store = await openStore({ file: join(dir, 'chancery.db') })
  const rows = async (action: string) => (await store.read.listAudit({ action }, { limit: 9 })).rows
  expect(await rows('admin-key.create')).toMatchObject([
    { target: 'ops', actor: 'system:cli' },
    { target: 'default' },
  ])
  expect(await rows('admin-key.revoke')).toMatchObject([{ target: 'default', actor: 'system:cli' }])
  await store.close()
})

test('list shows every key there ever was, and the last one may go, with a word', async () => {
  const dir = await initialised()
  const list = async () =>
    JSON.parse((await chancery(['admin-key', 'list', '--offline', '--dir', dir, '--json'])).stdout).adminKeys
  expect(await list()).toMatchObject([
    { name: 'default', role: 'admin', createdAt: expect.stringMatching(/Z$/), revokedAt: null },
  ])
  const last = await chancery(['admin-key', 'revoke', 'default', '--offline', '--dir', dir])
  expect(last).toMatchObject({ exitCode: 0 })
  expect(last.stdout).toContain('none left')
  expect(await list()).toMatchObject([{ name: 'default', revokedAt: expect.stringMatching(/Z$/) }])
  expect((await chancery(['admin-key', 'revoke', 'default', '--offline', '--dir', dir])).stdout).toContain(
    'was revoked before',
  )
  const { stdout } = await chancery(['admin-key', 'list', '--offline', '--dir', dir])
  expect(stdout).toMatch(
    /^ID +NAME +ROLE +CREATED +LAST USED +REVOKED\n1 +default +admin +\S+Z +never +\S+Z\n$/,
  )
})

test('what is taken or wrong is refused, and no file is left or lost', async () => {
  const dir = await initialised()
  const create = (...argv: string[]) =>
    chancery(['admin-key', 'create', ...argv, '--role', 'operator', '--offline', '--dir', dir])
  const before = readFileSync(join(dir, 'admin.key'), 'utf8')
  expect(await create('ops', '--out', join(dir, 'admin.key'))).toMatchObject({ exitCode: 1 })
  expect(readFileSync(join(dir, 'admin.key'), 'utf8')).toBe(before)
  expect(await create('default')).toMatchObject({ exitCode: 1 })
  expect(existsSync(join(dir, 'default.key'))).toBe(false)
  expect(await create('../ops')).toMatchObject({ exitCode: 2 })
  expect(await create('Ops')).toMatchObject({ exitCode: 2 })
  // None of these has used the name up.
  expect(await create('ops')).toMatchObject({ exitCode: 0 })
  expect(await chancery(['admin-key', 'revoke', 'nobody', '--offline', '--dir', dir])).toMatchObject({
    exitCode: 4,
  })
})

test.skipIf(toolIsMissing('strace'))(
  'a new secret is in its file for good when the command ends',
  async () => {
    const dir = await initialised()
    const [bin, trace] = [
      fileURLToPath(new URL('../../bin/chancery.js', import.meta.url)),
      join(dir, 'trace'),
    ]
    const rotate = [process.execPath, bin, 'admin-key', 'rotate', 'default', '--offline', '--dir', dir]
    const calls = ['-f', '-qq', '-y', '-o', trace, '-e', 'trace=rename,fsync']
    expect(spawnSync('strace', [...calls, ...rotate], { encoding: 'utf8' })).toMatchObject({ status: 0 })
    const [, after] = readFileSync(trace, 'utf8').split(`"${join(dir, 'admin.key')}"`)
    expect(after).toMatch(new RegExp(`fsync\\(\\d+<${dir}>\\)`))
  },
)

test('over REST: a key is made, listed, rotated and revoked while the service runs', async () => {
  const service = await runService()
  try {
    const create = (name: string, role: string) =>
      service.command('admin-key', 'create', name, '--role', role)
    expect(await create('reader', 'auditor')).toMatchObject({ exitCode: 0, stderr: '' })
    const file = join(service.dir, 'reader.key')
    const opens = async (key: string) =>
      (await service.command('token', 'list', '--key-file', key)).exitCode === 0
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await opens(file)).toBe(true)
    // Both the file and the name are taken.
    expect(await create('reader', 'auditor')).toMatchObject({ exitCode: 1 })
    const own = ['--key-file', file]
    expect(await service.command('token', 'create', '--dns', 'a.test', ...own)).toMatchObject({ exitCode: 5 })

    const former = join(service.work, 'former.key')
    copyFileSync(file, former)
    const rotated = await service.command('admin-key', 'rotate', 'reader', '--grace', '1h')
    expect(rotated).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('opens until') })
    expect(readFileSync(file, 'utf8')).not.toBe(readFileSync(former, 'utf8'))
    expect([await opens(file), await opens(former)]).toEqual([true, true])
    expect((await service.command('admin-key', 'rotate', 'reader')).exitCode).toBe(0)
    expect([await opens(file), await opens(former)]).toEqual([true, false])

    expect((await service.command('admin-key', 'revoke', 'reader')).stdout).toBe(
      'Admin key reader is revoked.\n',
    )
    expect(await opens(file)).toBe(false)
    expect(await service.command('admin-key', 'revoke', 'default')).toMatchObject({ exitCode: 1 })
    expect(await service.command('admin-key', 'revoke', 'nobody')).toMatchObject({ exitCode: 4 })
    const { adminKeys } = await service.json<{ adminKeys: unknown[] }>('admin-key', 'list')
    expect(adminKeys).toMatchObject([
      { name: 'default', role: 'admin', revokedAt: null, lastUsedAt: expect.stringMatching(/Z$/) },
      { name: 'reader', role: 'auditor', createdBy: 'admin:default', revokedAt: expect.stringMatching(/Z$/) },
    ])
    expect((await service.command('admin-key', 'create', 'x')).exitCode).toBe(2)
  } finally {
    await service.close()
  }
})
