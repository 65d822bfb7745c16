import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { relyingParty } from './enrolment.ts'
import { cli, startService } from './harness.ts'
import { missing, run, tool, workFolder } from './tools.ts'

test.skipIf(missing('openssl', 'curl'))(
  "the service's own certificate verifies under every name it is reached by",
  async () => {
    const service = await startService()
    const folder = await relyingParty(service)
    const { host } = new URL(service.tlsUrl)
    const port = host.split(':')[1]!
    const trust = ['-CAfile', 'root.pem', '-verify_return_error', '-x509_strict']
    for (const name of ['-verify_hostname localhost', '-verify_ip 127.0.0.1', '-verify_ip ::1']) {
      const args = ['s_client', '-connect', `127.0.0.1:${port}`, ...trust, ...name.split(' ')]
      const { status, stdout, stderr } = await run('openssl', args, { cwd: folder, input: 'Q\n' })
      expect(status, `${name}\n${stdout}${stderr}`).toBe(0)
      expect(stdout).toContain('Verify return code: 0 (ok)')
    }
    const wrong = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      ...trust,
      '-verify_hostname',
      'other.example.test',
    ]
    expect((await run('openssl', wrong, { cwd: folder, input: 'Q\n' })).status).not.toBe(0)
    // Curl takes the host from the URL, and so proves name and address by its own rules.
    for (const name of ['localhost', '127.0.0.1']) {
      await tool(
        folder,
        'curl',
        '-sSf',
        '--cacert',
        'root.pem',
        '--connect-to',
        '::127.0.0.1:',
        `https://${name}:${port}/healthz`,
      )
    }
    await service.stop()
  },
)

test('TLS 1.2 and 1.3 are spoken, 1.1 is not', async () => {
  const service = await startService()
  const { port } = new URL(service.tlsUrl)
  const shake = async (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') => {
    const socket = connect({
      ...{
        host: '127.0.0.1',
        port: Number(port),
        servername: 'localhost',
        ca: readFileSync(service.rootFile),
      },
      ...{ minVersion: version, maxVersion: version },
    })
    try {
      await once(socket, 'secureConnect')
      return socket.getProtocol()
    } finally {
      socket.destroy()
    }
  }
  expect(await shake('TLSv1.2')).toBe('TLSv1.2')
  expect(await shake('TLSv1.3')).toBe('TLSv1.3')
  await expect(shake('TLSv1.1')).rejects.toThrow()
  await service.stop()
})

test.each([
  ['its address', ['--permit-dns', 'example.test'], ''],
  [
    'a name of tls.names',
    ['--permit-dns', 'example.test', '--permit-ip', '10.0.0.0/8'],
    'tls: { names: [ca.example.test] }',
  ],
])(
  'where name constraints leave localhost away, the command line knows the service by %s',
  async (_, constraints, options) => {
    const directory = join(workFolder(), 'data')
    const made = await cli(['init', ...constraints], { CHANCERY_DIR: directory })
    expect(made.status, made.stderr).toBe(0)
    writeFileSync(join(directory, 'chancery.yaml'), options)
    const service = await startService({ directory, options: ['--no-init'] })
    const { port } = new URL(service.tlsUrl)
    const listed = await cli(['authority', 'list'], { CHANCERY_DIR: directory, CHANCERY_TLS_PORT: port })
    expect(listed.stderr).toBe('')
    expect(listed.stdout).toContain('intermediate')
    await service.stop()
  },
)
