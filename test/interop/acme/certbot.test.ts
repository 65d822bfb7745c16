import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missing } from '../../scenario/tools.ts'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed, OWN_ADDRESS } from './site.ts'

describe.skipIf(challengesAreMissing() || missing('certbot'))('certbot', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
  })
  afterAll(() => site?.stop())

  function certbot(command: string, ...args: string[]): Promise<string> {
    const folders = ['--config-dir', 'certbot', '--work-dir', 'certbot/work', '--logs-dir', 'certbot/log']
    return site.client('certbot', [command, ...folders, '--non-interactive', ...args], {
      REQUESTS_CA_BUNDLE: site.ca.rootFile,
    })
  }
  const obtain = (...args: string[]) =>
    certbot(
      ...['certonly', '--server', site.ca.directory, '--agree-tos', '--register-unsafely-without-email'],
      ...args,
    )
  const live = (name: string, file: string) => site.path('certbot', 'live', name, file)

  // It wants "up" links on answers to challenges, and exactly 200 from revokeCert.
  test('obtains by http-01, renews all that it has, and revokes by its account', async () => {
    const names = ['web.example.test', 'www.example.test']
    await site.challenges.place(names, OWN_ADDRESS)
    const own = ['--http-01-address', OWN_ADDRESS, '--http-01-port', String(site.challenges.ports.http)]
    await obtain('--standalone', ...own, '-d', names.join(','))
    const first = await site.issued(live('web.example.test', 'fullchain.pem'), names)
    await certbot('renew', '--force-renewal', '--no-random-sleep-on-renew')
    const second = await site.issued(live('web.example.test', 'fullchain.pem'), names)
    expectRenewed(first, second)
    await certbot(
      ...['revoke', '--server', site.ca.directory, '--cert-path', live('web.example.test', 'cert.pem')],
      ...['--reason', 'superseded', '--no-delete-after-revoke'],
    )
    await site.expectRevoked(second)
  })

  test('obtains a wildcard by dns-01 with two records at one name, and revokes with the key of the certificate', async () => {
    const names = ['wild.example.test', '*.wild.example.test']
    const hook = site.script(
      'certbot-hook.sh',
      'tell set-txt "{\\"host\\":\\"_acme-challenge.$CERTBOT_DOMAIN.\\",\\"value\\":\\"$CERTBOT_VALIDATION\\"}"\n',
    )
    await obtain(
      '--manual',
      '--preferred-challenges',
      'dns',
      '--manual-auth-hook',
      hook,
      '-d',
      names.join(','),
    )
    const one = await site.issued(live('wild.example.test', 'fullchain.pem'), names)
    await certbot(
      ...['revoke', '--server', site.ca.directory, '--cert-path', live('wild.example.test', 'cert.pem')],
      ...['--key-path', live('wild.example.test', 'privkey.pem')],
      ...['--reason', 'keycompromise', '--no-delete-after-revoke'],
    )
    await site.expectRevoked(one)
  })

  test('changes the contact of its account, shows it, and gives the account up', async () => {
    const server = ['--server', site.ca.directory]
    await certbot('update_account', ...server, '--email', 'ada@example.test', '--no-eff-email')
    expect(await certbot('show_account', ...server)).toContain('ada@example.test')
    expect(await certbot('unregister', ...server)).toContain('Account deactivated')
  })
})
