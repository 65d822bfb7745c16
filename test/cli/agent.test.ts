import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { temporaryDirectory } from '../config/temporary.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService('profiles: { careful: { extends: server, approval: enrol } }\n')
})
afterAll(() => service.close())

/** A machine with a configuration; its token is for this profile. */
async function machine(profile: string, more: object = {}): Promise<{ folder: string; file: string }> {
  const folder = temporaryDirectory()
  const file = join(folder, 'agent.yaml')
  const made = await service.json<{ token: string }>(
    ...['token', 'create', '--profile', profile, '--dns', 'web.example.test', '--ttl', '1h'],
  )
  writeFileSync(join(folder, 'token'), made.token, { mode: 0o600 })
  const web = {
    names: ['web.example.test'],
    token: { file: join(folder, 'token') },
    directory: join(folder, 'tls'),
    ...more,
  }
  const options = {
    services: [service.tlsUrl],
    trust: { file: join(service.dir, 'root.pem') },
    state: join(folder, 'state'),
    log: { level: 'silent' },
    certificates: { web },
  }
  writeFileSync(file, stringify(options))
  return { folder, file }
}

const once = (file: string) => chancery(['agent', '--config', file, '--once'])

test('--once does what is due, and again nothing', async () => {
  const { folder, file } = await machine('server')
  expect(await once(file)).toMatchObject({ exitCode: 0, stderr: '' })
  const certificate = readFileSync(join(folder, 'tls', 'cert.pem'))
  expect(await once(file)).toMatchObject({ exitCode: 0 })
  expect(readFileSync(join(folder, 'tls', 'cert.pem'))).toEqual(certificate)
})

test('--once ends with 6 while a request waits, and with 0 once it is approved', async () => {
  const { file } = await machine('careful')
  expect(await once(file)).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('Waits for approval: web'),
  })
  await service.json('request', 'approve', '1')
  expect(await once(file)).toMatchObject({ exitCode: 0 })
})

test('--once ends with 1 and says why where something failed', async () => {
  const { folder, file } = await machine('server')
  writeFileSync(join(folder, 'token'), 'chancery_token_of_nobody', { mode: 0o600 })
  const { exitCode, stderr } = await once(file)
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/web: .*bearer secret is not known/)])
})

test('--once is done where the consumer does not run yet', async () => {
  const notify = [{ signal: 'HUP', pidFile: '/nowhere/nginx.pid' }, { haproxy: '/nowhere/admin.sock' }]
  const files = { key: 'key.pem', fullchain: 'cert.pem', combined: 'all.pem' }
  const { folder, file } = await machine('server', { notify, files })
  expect(await once(file)).toMatchObject({ exitCode: 0 })
  expect(readFileSync(join(folder, 'tls', 'all.pem'), 'utf8')).toContain('PRIVATE KEY')
})

test('--check looks at the file alone, and what is wrong ends with 2', async () => {
  const { folder, file } = await machine('server')
  expect(await chancery(['agent', '--config', file, '--check'])).toMatchObject({ exitCode: 0 })
  writeFileSync(file, 'services: [https://ca.example.test]\n')
  const wrong = await chancery(['agent', '--config', file, '--check'])
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('certificates is missing')])
  const missing = await chancery(['agent', '--config', join(folder, 'none.yaml')])
  expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('cannot be read')])
})
