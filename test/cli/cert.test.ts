import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CertificateAnswer } from '../../src/cli/answers.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService('profiles: { koblitz: { extends: server, keyTypes: [secp256k1] } }')
})
afterAll(() => service.close())

function at(...parts: string[]): string {
  return join(service.work, ...parts)
}

function read(directory: string) {
  const text = (name: string) => readFileSync(at(directory, name), 'utf8')
  return { key: text('key.pem'), certificate: text('cert.pem'), root: text('root.pem') }
}

function leafOf(directory: string): X509Certificate {
  return new X509Certificate(read(directory).certificate)
}

describe('cert request', () => {
  test('writes key, chain and root that belong together', async () => {
    const made = await service.command(
      'cert',
      'request',
      '--name',
      'web.example.test',
      '--name',
      '10.0.0.1',
      '--out',
      at('web'),
    )
    expect(made).toMatchObject({ exitCode: 0, stderr: '' })
    const { key, certificate, root } = read('web')
    const [leaf, issuer, ...more] = decodePem(certificate, 'chain').map(({ der }) => new X509Certificate(der))
    expect(more).toEqual([])
    expect(leaf!.checkPrivateKey(createPrivateKey(key))).toBe(true)
    expect(leaf!.verify(issuer!.publicKey)).toBe(true)
    expect(issuer!.verify(new X509Certificate(root).publicKey)).toBe(true)
    expect(leaf!.subjectAltName).toBe('DNS:web.example.test, IP Address:10.0.0.1')
    expect(key).toContain('BEGIN PRIVATE KEY')
    expect(statSync(at('web', 'key.pem')).mode & 0o777).toBe(0o600)
    expect(root).toBe(readFileSync(join(service.dir, 'root.pem'), 'utf8'))
  })

  test('leaves an existing key alone, unless it is forced', async () => {
    const request = ['cert', 'request', '--name', 'keep.example.test', '--out', at('keep')]
    await service.command(...request)
    const before = read('keep')
    expect(await service.command(...request)).toMatchObject({ exitCode: 1, stdout: '' })
    expect(read('keep')).toEqual(before)
    expect((await service.command(...request, '--force')).exitCode).toBe(0)
    expect(read('keep').key).not.toBe(before.key)
  })

  test.each(['P-384', 'P-521', 'RSA-2048', 'Ed25519'])(
    'makes %s keys, with a common name if asked',
    async (type) => {
      const name = `${type.toLowerCase()}.example.test`
      const request = [
        'cert',
        'request',
        '--dns',
        name,
        '--common-name',
        name,
        '--key-type',
        type,
        '--out',
        at(type),
      ]
      expect((await service.command(...request)).exitCode).toBe(0)
      expect(leafOf(type).subject).toBe(`CN=${name}`)
    },
  )

  test('takes profile and validity', async () => {
    const answer = await service.json<CertificateAnswer>(
      ...['cert', 'request', '--profile', 'spiffe', '--validity', '10m'],
      ...['--uri', 'spiffe://example.test/a', '--out', at('svid')],
    )
    expect(answer).toMatchObject({ profile: 'spiffe', names: { uri: ['spiffe://example.test/a'] } })
    expect(Date.parse(answer.notAfter) - Date.parse(answer.notBefore)).toBe(660_000)
  })

  test('a refusal writes nothing and says why, for people and for programs', async () => {
    const request = ['cert', 'request', '--profile', 'nope', '--name', 'a.test', '--out', at('refused')]
    const forPeople = await service.command(...request)
    expect(forPeople).toMatchObject({ exitCode: 1, stdout: '' })
    expect(forPeople.stderr).toContain('There is no profile "nope"')
    const forPrograms = await service.command(...request, '--json')
    expect(forPrograms.stdout).toBe('')
    expect(JSON.parse(forPrograms.stderr)).toMatchObject({
      type: 'urn:chancery:problem:unknownProfile',
      status: 400,
      exitCode: 1,
    })
    expect(existsSync(at('refused'))).toBe(false)
  })
})

describe('cert renew', () => {
  test('keeps the key and the names; with --rekey makes a key of the same kind', async () => {
    const request = [
      'cert',
      'request',
      '--name',
      'renew.example.test',
      '--key-type',
      'P-384',
      '--out',
      at('renew'),
    ]
    const first = await service.json<CertificateAnswer>(...request)
    const { key } = read('renew')

    const second = await service.json<CertificateAnswer>('cert', 'renew', '--out', at('renew'))
    expect(second).toMatchObject({ replaces: first.serialNumber, names: first.names })
    expect(read('renew').key).toBe(key)

    await service.json('cert', 'renew', '--out', at('renew'), '--rekey')
    expect(read('renew').key).not.toBe(key)
    expect(leafOf('renew').checkPrivateKey(createPrivateKey(read('renew').key))).toBe(true)
    expect(leafOf('renew').subjectAltName).toBe('DNS:renew.example.test')
    expect(createPrivateKey(read('renew').key).asymmetricKeyDetails?.namedCurve).toBe('secp384r1')
  })

  test('needs nothing of the service but its address', async () => {
    await service.json('cert', 'request', '--name', 'alone.example.test', '--out', at('alone'))
    const renewed = await service.command('cert', 'renew', '--out', at('alone'), '--dir', at('no-data-here'))
    expect(renewed.exitCode).toBe(0)
  })

  test('a secp256k1 key, which proves no TLS client, is told to enrol anew, and no renewal makes one', async () => {
    const request = ['cert', 'request', '--name', 'koblitz.example.test', '--profile', 'koblitz']
    await service.json(...request, '--key-type', 'secp256k1', '--out', at('koblitz'))
    for (const act of ['renew', 'revoke']) {
      const { exitCode, stderr } = await service.command('cert', act, '--out', at('koblitz'))
      expect(exitCode).toBe(5)
      expect(stderr).toContain('TLS takes no client certificate with a secp256k1 key')
    }

    await service.json('cert', 'request', '--name', 'rekeyed.example.test', '--out', at('rekeyed'))
    const rekeyed = await service.command(
      ...['cert', 'renew', '--out', at('rekeyed'), '--key-type', 'secp256k1'],
    )
    expect(rekeyed.exitCode).toBe(2)
  })

  test('a directory without a certificate is a usage error', async () => {
    expect((await service.command('cert', 'renew', '--out', at('nothing'))).exitCode).toBe(2)
  })
})

describe('cert revoke', () => {
  async function enrol(name: string): Promise<string> {
    const answer = await service.json<CertificateAnswer>('cert', 'request', '--name', name, '--out', at(name))
    return answer.serialNumber
  }

  test('by serial number in any form; a second time keeps the first facts', async () => {
    const serial = await enrol('revoke.example.test')
    const typed = serial.toUpperCase().match(/../g)!.join(':')
    const first = await service.command('cert', 'revoke', typed, '--reason', 'keyCompromise')
    expect(first).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('keyCompromise') })
    const again = await service.json('cert', 'revoke', serial, '--reason', 'superseded')
    expect(again).toMatchObject({ changed: false, revocation: { reason: 'keyCompromise' } })
    expect((await service.command('cert', 'renew', '--out', at('revoke.example.test'))).exitCode).toBe(5)
  })

  test('by its holder', async () => {
    const serial = await enrol('holder.example.test')
    const noAdmin = ['--dir', at('no-data-here')]
    const done = await service.json('cert', 'revoke', '--out', at('holder.example.test'), ...noAdmin)
    expect(done).toMatchObject({ serialNumber: serial, changed: true })
  })

  test('a hold is lifted, another revocation is not', async () => {
    const serial = await enrol('hold.example.test')
    await service.json('cert', 'revoke', serial, '--reason', 'certificateHold')
    expect(await service.json('cert', 'show', serial)).toMatchObject({ state: 'held' })
    expect((await service.command('cert', 'release', serial)).exitCode).toBe(0)
    expect(await service.json('cert', 'show', serial)).toMatchObject({ state: 'valid', revocation: null })
    await service.json('cert', 'revoke', serial)
    expect((await service.command('cert', 'release', serial)).exitCode).toBe(1)
  })

  test('of what was never issued ends with 4', async () => {
    for (const verb of ['revoke', 'show', 'release']) {
      expect(await service.command('cert', verb, '40aa')).toMatchObject({ exitCode: 4, stdout: '' })
    }
  })

  test('in bulk says first, then does', async () => {
    const serials = [await enrol('one.bulk.test'), await enrol('two.bulk.test')]
    const bulk = [
      'cert',
      'revoke',
      '--all-matching',
      '--name',
      '*.bulk.test',
      '--reason',
      'cessationOfOperation',
      '--invalidity-date',
      '2026-01-31T00:00:00Z',
    ]
    const dry = await service.json<{ serialNumbers: string[] }>(...bulk, '--dry-run')
    expect(dry).toMatchObject({ dryRun: true, matched: 2, revoked: 0 })
    expect([...dry.serialNumbers].sort()).toEqual([...serials].sort())
    expect(await service.json('cert', 'show', serials[0]!)).toMatchObject({ state: 'valid' })
    expect(await service.json(...bulk)).toMatchObject({ dryRun: false, revoked: 2 })
    expect(await service.json('cert', 'show', serials[1]!)).toMatchObject({
      state: 'revoked',
      revocation: { reason: 'cessationOfOperation', invalidityDate: '2026-01-31T00:00:00Z' },
    })
  })
})

describe('cert list and show', () => {
  test('filters, and follows pages to the end', async () => {
    for (const name of ['a.list.test', 'b.list.test', 'c.list.test']) {
      await service.json('cert', 'request', '--name', name, '--out', at(name))
    }
    const list = ['cert', 'list', '--name', '*.list.test', '--limit', '2']
    const page = await service.json<{ certificates: CertificateAnswer[]; next: string | null }>(...list)
    expect(page.certificates).toHaveLength(2)
    expect(page.next).not.toBeNull()
    expect((await service.command(...list)).stdout).toContain('There are more')
    const all = await service.json<{ certificates: CertificateAnswer[]; next: string | null }>(
      ...list,
      '--all',
    )
    expect(all.certificates.map(({ names }) => names.dns![0]).sort()).toEqual([
      'a.list.test',
      'b.list.test',
      'c.list.test',
    ])
    expect(all.next).toBeNull()
    expect(
      (await service.command('cert', 'list', '--state', 'expired', '--name', 'a.list.test')).stdout,
    ).not.toContain('a.list.test')
  })

  test('shows one, as words or as PEM', async () => {
    const { serialNumber } = await service.json<CertificateAnswer>(
      'cert',
      'request',
      '--name',
      'show.test',
      '--out',
      at('show'),
    )
    expect((await service.command('cert', 'show', serialNumber)).stdout).toContain('show.test')
    expect((await service.command('cert', 'show', serialNumber, '--pem')).stdout).toBe(
      read('show').certificate,
    )
  })
})

describe('what proves the service, and the caller', () => {
  test('another root ends with 3', async () => {
    await service.json('cert', 'request', '--name', 'other.test', '--out', at('other'))
    const { exitCode, stderr } = await service.command('cert', 'list', '--root', at('other', 'cert.pem'))
    expect(exitCode).toBe(3)
    expect(stderr).toContain('not proven')
  })

  test('nobody there ends with 3', async () => {
    const { exitCode, stderr } = await service.command('cert', 'list', '--url', 'https://127.0.0.1:1')
    expect(exitCode).toBe(3)
    expect(stderr).toContain('chancery serve')
  })

  test('an unknown, a missing and an exposed key end with 5, 5 and 2', async () => {
    writeFileSync(at('unknown.key'), 'chancery_admin_unknown\n', { mode: 0o600 })
    writeFileSync(at('exposed.key'), 'chancery_admin_unknown\n', { mode: 0o644 })
    const list = (file: string) => service.command('cert', 'list', '--key-file', at(file))
    expect((await list('unknown.key')).exitCode).toBe(5)
    expect((await list('missing.key')).exitCode).toBe(5)
    const exposed = await list('exposed.key')
    expect(exposed.exitCode).toBe(2)
    expect(exposed.stderr).not.toContain('chancery_admin_unknown')
  })
})
