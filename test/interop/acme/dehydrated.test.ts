import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missing } from '../../scenario/tools.ts'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed, OWN_ADDRESS } from './site.ts'
import { type Webroot, webroot } from './webroot.ts'

describe.skipIf(challengesAreMissing() || missing('dehydrated'))('dehydrated', () => {
  let site: AcmeSite
  let web: Webroot
  beforeAll(async () => {
    site = await AcmeSite.start()
    web = await webroot(site.makeFolder('htdocs'), OWN_ADDRESS, site.challenges.ports.http)
    const hook = site.script(
      'dehydrated-hook.sh',
      'if [ $1 = deploy_challenge ]; then tell set-txt "{\\"host\\":\\"_acme-challenge.$2.\\",\\"value\\":\\"$4\\"}"; fi\n',
    )
    site.write(
      'config',
      `CA=${site.ca.directory}\nBASEDIR=${site.folder}\nWELLKNOWN=${web.folder}\nHOOK=${hook}\nKEY_ALGO=prime256v1\n`,
    )
    await dehydrated('--register', '--accept-terms')
  })
  afterAll(async () => {
    web?.close()
    await site?.stop()
  })

  const dehydrated = (...args: string[]) =>
    site.client('dehydrated', ['--config', 'config', ...args], { CURL_CA_BUNDLE: site.ca.rootFile })

  async function life(names: readonly string[], ...options: string[]): Promise<void> {
    const order = ['--cron', ...names.flatMap((name) => ['--domain', name]), '--alias', 'alias', ...options]
    const file = site.path('certs', 'alias', 'fullchain.pem')
    await dehydrated(...order)
    const first = await site.issued(file, names)
    await dehydrated(...order, '--force')
    const second = await site.issued(file, names)
    expectRenewed(first, second)
    await dehydrated('--revoke', site.path('certs', 'alias', 'cert.pem'))
    await site.expectRevoked(second)
  }

  test('obtains by http-01 from a web root, renews and revokes', async () => {
    const names = ['web.example.test', 'www.example.test']
    await site.challenges.place(names, OWN_ADDRESS)
    await life(names)
  })

  test('obtains a wildcard by dns-01, renews and revokes', async () => {
    await life(['dns.example.test', '*.dns.example.test'], '--challenge', 'dns-01')
  })

  test('changes the contact of its account and gives the account up', async () => {
    site.write('config', `${site.read('config')}CONTACT_EMAIL=ada@example.test\n`)
    await dehydrated('--account')
    expect(await dehydrated('--deactivate')).toContain('Done')
  })
})
