import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cli, type ServiceProcess, startService } from './harness.ts'
import { workFolder } from './tools.ts'

const NOBODY = '0123456789abcdef0123456789abcdef01234567'

describe('exit codes of the command line', () => {
  let service: ServiceProcess
  let folder: string
  beforeAll(async () => {
    service = await startService()
    folder = workFolder()
    writeFileSync(join(folder, 'wrong.key'), 'chancery_admin_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n', {
      mode: 0o600,
    })
    writeFileSync(join(folder, 'open.key'), 'chancery_admin_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n', {
      mode: 0o644,
    })
  })
  afterAll(() => service?.stop())

  test.each<[number, string, string]>([
    [0, 'help', '--help'],
    [0, 'help of a command', 'cert request --help'],
    [0, 'an empty list', 'cert list --state revoked'],
    [
      5,
      'a name that policy refuses',
      'cert request --profile server --name a@example.test --out /nonexistent/x',
    ],
    [2, 'no such command', 'cert frobnicate'],
    [2, 'no such option', 'cert list --colour'],
    [2, 'a reason that does not exist', `cert revoke ${NOBODY} --reason boredom`],
    [2, 'a name that is none', 'cert request --name -bad-.example.test --out x'],
    [2, 'a token for nothing', 'token create'],
    [4, 'a serial number that was never issued', `cert revoke ${NOBODY}`],
    [4, 'a certificate that does not exist', `cert show ${NOBODY}`],
    [4, 'an authority that does not exist', 'crl show nowhere'],
    [
      5,
      'a token that is not known',
      'cert request --token chancery_token_AAAA --name a.example.test --out x',
    ],
  ])('%i for %s', async (code, _what, line) => {
    const { status, stdout, stderr } = await cli(line.split(' '), service.environment, folder)
    expect(status, stdout + stderr).toBe(code)
    if (code > 0) expect(stderr).not.toBe('')
    expect(stderr).not.toMatch(/A defect|^ +at /m)
  })

  test('5 for an admin key that is not known, or that others can read', async () => {
    const unknown = await service.cli('cert', 'list', '--key-file', join(folder, 'wrong.key'))
    expect(unknown.status, unknown.stderr).toBe(5)
    const readable = await service.cli('cert', 'list', '--key-file', join(folder, 'open.key'))
    expect(readable.status, readable.stderr).toBe(2)
    expect(readable.stderr).toMatch(/0600|chmod/)
  })

  test('3 where nothing listens, or another root is trusted; JSON on standard error where that is asked for', async () => {
    const nowhere = await cli(['cert', 'list', '--json'], { ...service.environment, CHANCERY_TLS_PORT: '1' })
    expect(nowhere.status).toBe(3)
    expect(nowhere.stdout).toBe('')
    expect(JSON.parse(nowhere.stderr)).toMatchObject({
      exitCode: 3,
      detail: expect.stringContaining('Nothing listens'),
    })

    const elsewhere = workFolder()
    const made = await cli(['init', '--dir', elsewhere])
    expect(made.status, made.stderr).toBe(0)
    const untrusted = await service.cli('cert', 'list', '--root', join(elsewhere, 'root.pem'))
    expect(untrusted.status, untrusted.stderr).toBe(3)
    expect(untrusted.stderr).toContain('not proven')
  })

  test('init twice is refused and changes nothing', async () => {
    const again = await service.cli('init')
    expect(again.status).toBe(1)
    expect(again.stderr).toContain('holds a CA already')
    expect((await service.cli('cert', 'list')).status).toBe(0)
  })

  test('everything works by --url, --root and --key-file from a folder that has nothing else', async () => {
    const address = [
      '--url',
      service.tlsUrl,
      '--root',
      service.rootFile,
      '--key-file',
      join(service.directory, 'admin.key'),
    ]
    const out = join(folder, 'remote')
    const requested = await cli([
      'cert',
      'request',
      '--name',
      'remote.example.test',
      '--out',
      out,
      ...address,
    ])
    expect(requested.status, requested.stderr).toBe(0)
    const { status, stdout, stderr } = await cli(['cert', 'list', '--json', ...address])
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout).certificates[0].names.dns).toEqual(['remote.example.test'])
  })
})
