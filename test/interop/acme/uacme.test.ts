import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { missing } from '../../scenario/tools.ts'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed } from './site.ts'

const CA_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
/** It trusts that file and no other: so it gets a view of the file system in which the file is another. */
const VIEW = [
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  `mount --bind "$1" ${CA_CERTIFICATES} && shift && exec "$@"`,
  'sh',
]
// Where containers may not make such views, the test cannot run.
const cannotView = () => spawnSync('unshare', [...VIEW, CA_CERTIFICATES, 'true']).status !== 0

describe.skipIf(challengesAreMissing() || missing('uacme') || cannotView())('uacme', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
    await uacme('--yes', '--type', 'EC', 'new', 'ada@example.test')
  })
  afterAll(() => site?.stop())

  const uacme = (...args: string[]) =>
    site.client('unshare', [
      ...[...VIEW, site.ca.rootFile, 'uacme', '--verbose', '--verbose'],
      ...['--acme-url', site.ca.directory, '--confdir', site.folder, ...args],
    ])

  async function life(names: readonly string[], type: string, answer: string): Promise<void> {
    // A hook that fails turns a challenge down; the next is tried.
    const hook = site.script(
      'uacme-hook.sh',
      `[ $1 = begin ] || exit 0\n[ $2 = ${type} ] || exit 1\n${answer}\n`,
    )
    const file = site.path(names[0]!.replace('*.', ''), 'cert.pem')
    const issue = ['--hook', hook, '--type', 'EC', 'issue', ...names]
    await uacme(...issue)
    const first = await site.issued(file, names)
    await uacme('--force', ...issue)
    const second = await site.issued(file, names)
    expectRenewed(first, second)
    await uacme('--reason', '4', 'revoke', file)
    await site.expectRevoked(second)
  }
  const HTTP = 'tell add-http01 "{\\"token\\":\\"$4\\",\\"content\\":\\"$5\\"}"'

  test('obtains by http-01, renews and revokes', () =>
    life(['web.example.test', 'www.example.test'], 'http-01', HTTP))

  test('obtains a wildcard by dns-01, renews and revokes', () =>
    life(
      ['*.dns.example.test'],
      'dns-01',
      'tell set-txt "{\\"host\\":\\"_acme-challenge.$3.\\",\\"value\\":\\"$5\\"}"',
    ))

  test('obtains a certificate for an IP address', () => life(['127.0.0.1'], 'http-01', HTTP))

  test('rolls its account over to an RSA key, changes its contact and gives it up', async () => {
    await uacme('newkey')
    await uacme('update', 'bob@example.test')
    await uacme('--yes', 'deactivate')
  })
})
