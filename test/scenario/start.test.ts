import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM, startService } from './harness.ts'
import { missing, run, tool, workFolder } from './tools.ts'

const CHECKOUT = new URL('../..', import.meta.url).pathname

test.skipIf(missing('openssl'))(
  'the first start says what a person needs, and its command works when pasted',
  async () => {
    const service = await startService()
    const { banner, directory } = service
    expect(banner).toContain(service.rootFile.replace('root.pem', 'admin.key'))
    expect(statSync(join(directory, 'admin.key')).mode & 0o777).toBe(0o600)
    expect(banner).not.toContain(service.adminKey)

    const printed = /Root SHA-256\s+([0-9A-F:]{95})/.exec(banner)?.[1]
    const fingerprint = await tool(
      directory,
      'openssl',
      'x509',
      '-in',
      'root.pem',
      '-noout',
      '-fingerprint',
      '-sha256',
    )
    expect(fingerprint.trim()).toMatch(new RegExp(`=${printed}$`))

    // Pasted into a shell in a folder from where npx finds this package: the checkout itself.
    const pasted = /^ {2}(.*npx chancery cert request .*)$/m.exec(banner)![1]!
    const out = join(workFolder(), 'web')
    const line = pasted.replace('--out ./web', `--out '${out}'`)
    expect(line).not.toBe(pasted)
    const { status, stderr } = await run('sh', ['-c', line], { cwd: CHECKOUT })
    expect(status, stderr).toBe(0)
    expect(statSync(join(out, 'key.pem')).mode & 0o777).toBe(0o600)
    await tool(
      out,
      'openssl',
      'verify',
      '-x509_strict',
      '-CAfile',
      'root.pem',
      '-untrusted',
      'cert.pem',
      'cert.pem',
    )
    const { stdout } = await run('openssl', ['x509', '-in', 'cert.pem', '-noout', '-pubkey'], { cwd: out })
    const ownKey = await tool(out, 'openssl', 'pkey', '-in', 'key.pem', '-pubout')
    expect(stdout).toBe(ownKey)
    await service.stop()
    expect(service.log).not.toContain('chancery_admin_')
  },
)

test('the second start finds its data: the same root and key, and no word of initialising', async () => {
  const first = await startService()
  const root = readFileSync(first.rootFile)
  const { adminKey, directory } = first
  const created = await first.cli('token', 'create', '--dns', 'web.example.test', '--json')
  expect(created.status, created.stderr).toBe(0)
  await first.stop()
  // Checkpointed: whoever copies the one file now has everything.
  const log = join(directory, 'chancery.db-wal')
  expect(existsSync(log) ? statSync(log).size : 0).toBe(0)

  const second = await startService({ directory })
  expect(second.banner).not.toContain('Move that folder offline')
  expect(second.banner).toContain('Chancery is ready.')
  expect(readFileSync(second.rootFile)).toEqual(root)
  expect(second.adminKey).toBe(adminKey)
  const { stdout } = await second.cli('token', 'list', '--json')
  expect(JSON.parse(stdout).tokens).toHaveLength(1)
  await second.stop('SIGINT')
})

test('a second service on the same data, or no data where --no-init asks for some, is refused', async () => {
  const service = await startService()
  await expect(startService({ directory: service.directory })).rejects.toThrow(/in use/)
  await expect(startService({ options: ['--no-init'] })).rejects.toThrow(/holds no CA/)
  await service.stop()
})

test('an unknown option in the file stops the start, with the nearest known name', async () => {
  const directory = workFolder()
  writeFileSync(join(directory, 'chancery.yaml'), 'crl:\n  valdity: 7d\n')
  await expect(startService({ directory })).rejects.toThrow(/validity/)
  expect(existsSync(join(directory, 'chancery.db'))).toBe(false)
})

test('what stops a first start beside the making of the hierarchy leaves it whole, and told of', async () => {
  const directory = workFolder()
  const options = join(directory, 'chancery.yaml')
  writeFileSync(
    options,
    'webhooks:\n  - url: https://hooks.test/\n    secretFile: not-there\n    events: [certificate.revoked]\n',
  )
  const serve = ['serve', '--dir', directory, '--tls-port', '0', '--http-port', '0']
  const failed = await run(process.execPath, [PROGRAM, ...serve])
  expect(failed.status).not.toBe(0)
  expect(failed.stderr).toContain('not-there')
  expect(failed.stdout).toContain('Move that folder offline now')

  writeFileSync(options, '')
  const service = await startService({ directory })
  expect(service.banner).not.toContain('Move that folder offline')
  const printed = /Root SHA-256\s+([0-9A-F:]{95})/.exec(failed.stdout)?.[1]
  expect(service.banner).toContain(printed)
  await service.stop()
})
