import { afterAll, beforeAll, describe, test } from 'vitest'
import { command, missing } from '../../scenario/tools.ts'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed, OWN_ADDRESS } from './site.ts'
import { type Webroot, webroot } from './webroot.ts'

describe.skipIf(challengesAreMissing() || missing('acme-tiny'))('acme-tiny', () => {
  let site: AcmeSite
  let web: Webroot
  beforeAll(async () => {
    site = await AcmeSite.start()
    web = await webroot(site.makeFolder('htdocs'), OWN_ADDRESS, site.challenges.ports.http)
  })
  afterAll(async () => {
    web?.close()
    await site?.stop()
  })

  // It knows RSA keys for accounts alone, has no command to revoke, and prints the chain as it came.
  test('obtains by http-01 from a web root, and again to renew', async () => {
    const names = ['web.example.test', 'www.example.test']
    await site.challenges.place(names, OWN_ADDRESS)
    await command(site.folder, 'openssl genrsa -out account.key 2048')
    await command(site.folder, 'openssl ecparam -name prime256v1 -genkey -noout -out web.key')
    const san = names.map((name) => `DNS:${name}`).join(',')
    await command(
      site.folder,
      `openssl req -new -key web.key -subj / -addext subjectAltName=${san} -out web.csr`,
    )
    const obtain = () =>
      site.client(
        'acme-tiny',
        [
          ...['--account-key', 'account.key', '--csr', 'web.csr', '--acme-dir', web.folder, '--quiet'],
          // The names exist for the CA alone.
          ...[
            '--disable-check',
            '--directory-url',
            site.ca.directory,
            '--contact',
            'mailto:ada@example.test',
          ],
        ],
        { SSL_CERT_FILE: site.ca.rootFile },
      )
    const first = await site.issued(await obtain(), names)
    const second = await site.issued(await obtain(), names)
    expectRenewed(first, second)
    await site.ca.revoke(second.serialNumber)
    await site.expectRevoked(second)
  })
})
