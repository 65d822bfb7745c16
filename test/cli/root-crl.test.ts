import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuthorityAnswer, CrlAnswer } from '../../src/cli/answers.ts'
import { revocation } from '../../src/cli/root-crl.ts'
import { exchange } from '../../src/client/transport.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { crlDer } from '../../src/pki/crl/der-or-pem.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
})
afterAll(() => service.close())

const file = (name: string) => join(service.work, name)
const rootCrl = (...options: string[]) =>
  chancery(['root', 'crl', '--root-folder', join(service.dir, 'root-offline'), ...options])

async function fetched(path: string): Promise<string> {
  const { status, body } = await exchange({ url: new URL(path, service.httpUrl), method: 'GET', headers: {} })
  expect(status).toBe(200)
  return body.toString('latin1')
}

const listed = (pem: string) =>
  [...readCrlEntries(parseCrl(crlDer(Buffer.from(pem))).entries)].map(({ serialNumber, reason }) => [
    serialNumber,
    reason,
  ])

async function saveLastCrl(): Promise<string> {
  writeFileSync(file('last.pem'), await fetched('/crl/root.pem'))
  return file('last.pem')
}

describe('root crl', () => {
  test('carries over what the last one lists, and crl install brings it', async () => {
    const last = await saveLastCrl()
    const revoke = ['--revoke', '40:AB:cacompromise', '--revoke', '41', '--validity', '30d']
    const made = await rootCrl('--previous', last, ...revoke, '--out', file('second.pem'))
    expect(made).toMatchObject({ exitCode: 0, stderr: '' })
    expect(made.stdout).toMatch(
      /CRL number 2, 2 revoked, valid until .*\n.*chancery crl install root .*second\.pem/,
    )
    expect(listed(readFileSync(file('second.pem'), 'utf8'))).toEqual([
      ['40ab', 2],
      ['41', 0],
    ])
    const installed = await service.command('crl', 'install', 'root', file('second.pem'))
    expect(installed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(installed.stdout).toMatch(/Authority root has CRL number 2: 2 revoked, valid until /)
    expect(await fetched('/crl/root.pem')).toBe(readFileSync(file('second.pem'), 'utf8'))

    const { crls } = await service.json<{ crls: { crl: CrlAnswer }[] }>('crl', 'show', 'root')
    expect(crls).toMatchObject([{ authority: 'root', crl: { number: 2, entries: 2 } }])
    const { nextUpdate, thisUpdate } = crls[0]!.crl
    expect(Date.parse(nextUpdate) - Date.parse(thisUpdate)).toBe(30 * 86_400_000)

    // DER in, DER out of the service: both forms everywhere.
    const previous = crlDer(readFileSync(file('second.pem')))
    writeFileSync(file('second.crl'), previous)
    const json = await rootCrl('--previous', file('second.crl'), '--json', '--out', file('third.pem'))
    expect(JSON.parse(json.stdout)).toMatchObject({ file: file('third.pem'), number: 3, entries: 2 })
    writeFileSync(file('third.crl'), crlDer(readFileSync(file('third.pem'))))
    const answer = await service.json<CrlAnswer>('crl', 'install', 'root', file('third.crl'))
    expect(answer).toMatchObject({ number: 3, entries: 2 })
  })

  test('wants the last one, or to be told that there was none', async () => {
    const last = await saveLastCrl()
    for (const options of [[], ['--first', '--previous', last]]) {
      const refused = await rootCrl(...options, '--out', file('no.pem'))
      expect(refused).toMatchObject({ exitCode: 2, stdout: '' })
      expect(refused.stderr).toContain('stays revoked')
    }
    expect((await rootCrl('--first', '--out', file('first.pem'))).exitCode).toBe(0)
    // It would take back what was revoked: the service knows a higher number.
    const refused = await service.command('crl', 'install', 'root', file('first.pem'))
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toMatch(/number 1, but number \d+ of "root" is here already/)
  })

  test('names the root by its own id, and a new one comes along with its first CRL', async () => {
    writeFileSync(file('passphrase'), 'a passphrase\n', { mode: 0o600 })
    const folder = ['--root-folder', file('second-root'), '--root-passphrase-file', file('passphrase')]
    const { stdout } = await chancery(['root', 'create', ...folder, '--subject', 'CN=Second Root'])
    const [id] = /root-[0-9a-f]+/.exec(stdout)!
    const first = await chancery(['root', 'crl', ...folder, '--first', '--out', file('1.pem')])
    expect(first.stdout).toMatch(
      `Next: chancery root install ${join(file('second-root'), 'root.pem')} ${file('1.pem')} (or crl install ${id} `,
    )
    const next = await chancery([
      'root',
      'crl',
      ...folder,
      '--previous',
      file('1.pem'),
      '--out',
      file('2.pem'),
    ])
    expect(next.stdout).toMatch(`Next: chancery crl install ${id} ${file('2.pem')}\n`)
  })

  test('refuses what is no CRL of this root', async () => {
    writeFileSync(file('other.pem'), await fetched('/crl/intermediate.pem'))
    const other = await rootCrl('--previous', file('other.pem'), '--out', file('no.pem'))
    expect(other).toMatchObject({ exitCode: 1, stdout: '' })
    expect(other.stderr).toContain('and not of "CN=Test Root"')
    const certificate = await rootCrl('--previous', join(service.dir, 'root.pem'), '--out', file('no.pem'))
    expect(certificate).toMatchObject({ exitCode: 1 })
    const absent = await rootCrl('--previous', file('absent.pem'), '--out', file('no.pem'))
    expect(absent).toMatchObject({ exitCode: 1 })
    expect(absent.stderr).toContain('ENOENT')
  })

  test.each([
    ['0x40', 'hexadecimal'],
    ['40:badReason', 'no reason to revoke'],
    ['40:certificateHold', 'stays revoked'],
    ['', 'hexadecimal'],
  ])('--revoke %s is a mistake of the command line', async (value, detail) => {
    const refused = await rootCrl('--first', '--revoke', value, '--out', file('no.pem'))
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' })
    expect(refused.stderr).toContain(detail)
  })

  test('an unknown authority ends with 4, one whose key is here with 1', async () => {
    const last = await saveLastCrl()
    expect(await service.command('crl', 'install', 'nobody', last)).toMatchObject({ exitCode: 4 })
    const own = await service.command('crl', 'install', 'intermediate', last)
    expect(own).toMatchObject({ exitCode: 1 })
    expect(own.stderr).toContain('makes its CRLs by itself')
  })
})

test('a reason is told from a serial number', () => {
  const read = (text: string) => revocation(text)[0]
  expect(read('DE:AD')).toEqual({ serialNumber: 'dead', reason: 0 })
  expect(read('dead')).toEqual({ serialNumber: 'dead', reason: 0 })
  expect(read('de:ad:superseded')).toEqual({ serialNumber: 'dead', reason: 4 })
  expect(read('00dead:keyCompromise')).toEqual({ serialNumber: 'dead', reason: 1 })
  expect(() => revocation('dead', revocation('de:ad'))).toThrow('twice')
})

test.skipIf(toolIsMissing('openssl'))(
  'after the intermediate was revoked, openssl refuses what it issued',
  async () => {
    await service.json('cert', 'request', '--name', 'web.example.test', '--out', file('web'))
    const { authorities } = await service.json<{
      authorities: (AuthorityAnswer & { readonly certificate: string })[]
    }>('authority', 'list')
    const intermediate = authorities.find(({ id }) => id === 'intermediate')!.certificate
    const verify = async () =>
      runTool(
        'openssl',
        [
          ...['verify', '-crl_check_all', '-CAfile', 'root.pem', '-untrusted', 'intermediate.pem'],
          ...['-CRLfile', 'crls.pem', 'leaf.pem'],
        ],
        {
          'root.pem': readFileSync(join(service.dir, 'root.pem')),
          'intermediate.pem': intermediate,
          'leaf.pem': readFileSync(join(file('web'), 'cert.pem')),
          'crls.pem': (await fetched('/crl/root.pem')) + (await fetched('/crl/intermediate.pem')),
        },
      )
    expect(await verify()).toContain('OK')

    const { serialNumber } = parseCertificate(decodePem(intermediate, 'certificate')[0]!.der)
    const revoke = ['--revoke', `${serialNumber}:cACompromise`]
    const made = await rootCrl('--previous', await saveLastCrl(), ...revoke, '--out', file('revoking.pem'))
    expect(made.exitCode, made.stderr).toBe(0)
    await service.json('crl', 'install', 'root', file('revoking.pem'))
    const { stdout } = await service.command('authority', 'list')
    expect(stdout).toMatch(/^intermediate \(default\) +issuing +active, revoked /m)
    await expect(verify()).rejects.toThrow(/error 23 at 1 depth lookup: certificate revoked/)
    expect(runTool('openssl', ['crl', '-in', file('revoking.pem'), '-noout', '-text'])).toContain(
      'CA Compromise',
    )
  },
)
