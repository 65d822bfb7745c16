import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { AuthorityAnswer } from '../../src/cli/answers.ts'
import { readBasicConstraints } from '../../src/pki/certificate/ca-constraints.ts'
import { EXTENSION } from '../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(() => service.close())

function constraintsOf(der: Buffer) {
  return parseCertificate(der).extensions.find(({ oid }) => oid === EXTENSION.nameConstraints)
}

function rootOptions(dir: string): string[] {
  return ['--root-folder', join(dir, 'root-offline'), '--root-passphrase-file', join(dir, 'root-passphrase')]
}

describe('init', () => {
  test('makes secrets that only the owner reads, and prints none of them', async () => {
    const dir = join(temporaryDirectory(), 'data')
    const { exitCode, stdout } = await chancery(['init', '--dir', dir])
    expect(exitCode).toBe(0)
    for (const name of ['admin.key', 'passphrase', 'root-passphrase', 'root-offline/root.key.pem']) {
      expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
      expect(stdout).not.toContain(readFileSync(join(dir, name), 'utf8').trim())
    }
    expect(stdout).toContain(new X509Certificate(readFileSync(join(dir, 'root.pem'))).fingerprint256)
    expect(stdout).toContain('offline')
  })

  test('refuses a directory that holds a CA', async () => {
    const again = await chancery(['init', '--dir', service.dir])
    expect(again).toMatchObject({ exitCode: 1, stdout: '' })
    expect(again.stderr).toContain('holds a CA already')
  })

  test('leaves no passphrase in a directory that it refuses, where the right ones were taken to other places', async () => {
    const dir = join(temporaryDirectory(), 'data')
    const made = ['passphrase', 'root-passphrase'].map((name) => join(dir, name))
    expect((await chancery(['init', '--dir', dir])).exitCode).toBe(0)
    for (const file of made) rmSync(file)
    expect((await chancery(['init', '--dir', dir])).stderr).toContain('holds a CA already')
    expect(made.filter((file) => existsSync(file))).toEqual([])
    // What a lost database leaves is no place for another CA either.
    rmSync(join(dir, 'chancery.db'))
    expect((await chancery(['serve', '--dir', dir])).stderr).toContain('but no chancery.db')
    expect(made.filter((file) => existsSync(file))).toEqual([])
  })

  test('takes key type, subjects, lives, constraints and a passphrase', async () => {
    const parent = temporaryDirectory()
    const passphrase = join(parent, 'passphrase')
    writeFileSync(passphrase, 'correct horse\n', { mode: 0o600 })
    const dir = join(parent, 'data')
    const made = await chancery([
      ...['init', '--dir', dir, '--authority', 'issuing', '--key-type', 'P-384', '--hash', 'sha512'],
      ...[
        '--root-subject',
        'CN=R,O=Example',
        '--subject',
        'CN=I,O=Example',
        '--root-validity',
        '2y',
        '--validity',
        '1y',
      ],
      ...['--path-length', '1', '--permit-dns', 'example.test', '--permit-ip', '10.0.0.0/8'],
      ...['--public-url', 'http://ca.example.test', '--passphrase-file', passphrase],
    ])
    expect(made.stderr).toBe('')
    expect(existsSync(join(dir, 'passphrase'))).toBe(false)
    const root = new X509Certificate(readFileSync(join(dir, 'root.pem')))
    expect(root.subject).toBe('O=Example\nCN=R')

    const store = await openStore({ file: join(dir, 'chancery.db') })
    onTestFinished(() => store.close())
    const issuing = (await store.read.authorities()).find(({ id }) => id === 'issuing')!
    expect(issuing).toMatchObject({ isDefault: true, hash: 'sha512', state: 'active' })
    const certificate = new X509Certificate(issuing.certificate!)
    expect(certificate.subject).toBe('O=Example\nCN=I')
    expect(certificate.verify(root.publicKey)).toBe(true)
    const info = parseCertificate(issuing.certificate!)
    expect(readBasicConstraints(info)).toEqual({ ca: true, pathLength: 1 })
    expect(info.notAfter - info.notBefore).toBeGreaterThanOrEqual(365 * 86_400)
    expect(info.notAfter - info.notBefore).toBeLessThan(366 * 86_400)
    expect(certificate.raw.includes(Buffer.from('http://ca.example.test/crl/root.crl'))).toBe(true)
    const constraints = info.extensions.find(({ oid }) => oid === EXTENSION.nameConstraints)
    expect(constraints).toMatchObject({ critical: true })
    expect(constraints!.value.includes(Buffer.from('example.test'))).toBe(true)
    const key = readFileSync(join(dir, issuing.keyFile!), 'utf8')
    expect(createPrivateKey({ key, passphrase: 'correct horse' }).asymmetricKeyDetails?.namedCurve).toBe(
      'secp384r1',
    )
  })
})

test('an intermediate that is signed again keeps the name constraints of its CSR, unless others are given', async () => {
  const dir = join(temporaryDirectory(), 'data')
  await chancery(['init', '--dir', dir, '--permit-dns', 'example.test', '--permit-ip', '10.0.0.0/8'])
  const [csr, out] = [join(dir, 'csr.pem'), join(dir, 'chain.pem')]
  await chancery(['authority', 'csr', '--dir', dir, '--offline', '--out', csr])
  const sign = ['authority', 'sign', csr, ...rootOptions(dir), '--public-url', 'http://localhost:8080']
  const signed = async (...options: string[]) => {
    const { exitCode, stderr } = await chancery([...sign, '--out', out, ...options])
    expect(exitCode, stderr).toBe(0)
    return constraintsOf(decodePem(readFileSync(out, 'utf8'), 'chain')[0]!.der)
  }
  const store = await openStore({ file: join(dir, 'chancery.db') })
  const [before] = await store.read.authorities()
  await store.close()
  const kept = constraintsOf(before!.certificate!)
  expect(kept).toMatchObject({ critical: true })
  expect(await signed()).toEqual(kept)
  expect(await signed('--permit-dns', 'example.test', '--permit-ip', '10.0.0.0/8')).toEqual(kept)
  const others = await signed('--permit-dns', 'other.test')
  expect(others!.value.includes(Buffer.from('example.test'))).toBe(false)
})

describe('another intermediate', () => {
  test('is added, signed where the root is, and installed', async () => {
    const file = (name: string) => join(service.work, name)
    expect((await service.command('authority', 'add', 'second', '--subject', 'CN=Second CA')).exitCode).toBe(
      0,
    )
    expect(await service.command('authority', 'add', 'second')).toMatchObject({ exitCode: 1 })
    expect((await service.command('authority', 'csr', 'second', '--out', file('csr.pem'))).exitCode).toBe(0)
    const sign = ['authority', 'sign', file('csr.pem'), ...rootOptions(service.dir), '--validity', '1y']
    const signed = await service.command(
      ...sign,
      '--public-url',
      'http://localhost:8080',
      '--out',
      file('chain.pem'),
    )
    expect(signed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(
      (await service.command('authority', 'install', file('chain.pem'), '--authority', 'second')).exitCode,
    ).toBe(0)

    const { authorities } = await service.json<{ authorities: AuthorityAnswer[] }>('authority', 'list')
    expect(authorities.find(({ id }) => id === 'second')).toMatchObject({
      state: 'active',
      isDefault: false,
      subject: 'CN=Second CA',
    })
    const request = [
      'cert',
      'request',
      '--name',
      'second.test',
      '--authority',
      'second',
      '--out',
      file('second'),
    ]
    expect(await service.json(...request)).toMatchObject({ authority: 'second' })
    const { crls } = await service.json<{ crls: { authority: string }[] }>('crl', 'show')
    expect(crls.map(({ authority }) => authority).sort()).toEqual(['intermediate', 'root', 'second'])
  })

  test('becomes the default, the old one retires, and nothing retires the default', async () => {
    expect(await service.command('authority', 'retire', 'intermediate')).toMatchObject({ exitCode: 1 })
    expect(await service.json('authority', 'default', 'second')).toMatchObject({ isDefault: true })
    const request = ['cert', 'request', '--name', 'third.test', '--out', join(service.work, 'third')]
    expect(await service.json(...request)).toMatchObject({ authority: 'second' })
    expect(await service.json('authority', 'retire', 'intermediate')).toMatchObject({
      moves: [{ id: 'intermediate', from: 'active', to: 'retired' }],
    })
    const refused = await service.command(
      ...request.slice(0, -1),
      join(service.work, 'fourth'),
      '--authority',
      'intermediate',
    )
    expect(refused).toMatchObject({ exitCode: 1 })
    expect(refused.stderr).toContain('does not issue')
    expect(
      (await service.json<{ crls: { authority: string }[] }>('crl', 'show', 'intermediate')).crls,
    ).toHaveLength(1)
    expect(await service.command('authority', 'retire', 'root')).toMatchObject({ exitCode: 1 })
  })

  test.each(['ca.example.test', 'https://ca.example.test', 'http://ca.example.test/?x'])(
    'is not signed, nor is a root, with %s as the base of addresses, which the service would not take either',
    async (url) => {
      const out = join(service.work, 'no.pem')
      const rest = [...rootOptions(service.dir), '--public-url', url, '--out', out]
      const root = join(service.dir, 'root.pem')
      for (const command of [
        ['authority', 'sign', root],
        ['root', 'cross', root],
      ]) {
        const answer = await chancery([...command, ...rest])
        expect(answer).toMatchObject({ exitCode: 2, stdout: '' })
        expect(answer.stderr).toContain('must be an http:// address')
      }
      expect(existsSync(out)).toBe(false)
    },
  )

  test('a chain that does not fit is refused with the reason', async () => {
    const wrong = await service.command('authority', 'install', join(service.dir, 'root.pem'))
    expect(wrong).toMatchObject({ exitCode: 1, stdout: '' })
    expect(wrong.stderr).toContain('another key')
  })

  test('an unknown one ends with 4', async () => {
    expect((await service.command('authority', 'csr', 'third')).exitCode).toBe(4)
    expect((await service.command('crl', 'show', 'third')).exitCode).toBe(4)
  })
})

describe('a root elsewhere', () => {
  test('csr and install work on the data directory until there is a certificate to serve with', async () => {
    const parent = temporaryDirectory()
    const dir = join(parent, 'data')
    const elsewhere = join(parent, 'elsewhere')
    mkdirSync(elsewhere)
    await chancery(['init', '--dir', elsewhere])
    const made = await chancery(['init', '--dir', dir, '--external-root'])
    expect(made.stdout).toContain('authority csr')
    expect(existsSync(join(dir, 'root.pem'))).toBe(false)

    const csr = join(parent, 'csr.pem')
    expect((await chancery(['authority', 'csr', '--dir', dir, '--out', csr])).exitCode).toBe(0)
    const chain = join(parent, 'chain.pem')
    const options = [...rootOptions(elsewhere), '--public-url', 'http://localhost:8080', '--out', chain]
    expect((await chancery(['authority', 'sign', csr, ...options])).exitCode).toBe(0)
    expect((await chancery(['authority', 'install', chain, '--dir', dir])).exitCode).toBe(0)
    expect(readFileSync(join(dir, 'root.pem'), 'utf8')).toBe(
      readFileSync(join(elsewhere, 'root.pem'), 'utf8'),
    )
  })
})
