import { afterAll, beforeAll, describe, test } from 'vitest'
import { missing } from '../../scenario/tools.ts'
import { challengesAreMissing } from './challenges.ts'
import { AcmeSite, expectRenewed, OWN_ADDRESS } from './site.ts'

describe.skipIf(challengesAreMissing() || missing('lego'))('lego', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
  })
  afterAll(() => site?.stop())

  /** Obtains, renews and revokes one certificate with these names. */
  async function life(names: readonly string[], ...challenge: string[]): Promise<void> {
    const file = site.path('lego', 'certificates', `${names[0]!.replace('*', '_')}.crt`)
    const common = [
      '--server',
      site.ca.directory,
      '--path',
      'lego',
      '--email',
      'ada@example.test',
      '--accept-tos',
    ]
    const lego = (...args: string[]) =>
      site.client(
        'lego',
        [...common, ...names.flatMap((name) => ['--domains', name]), ...challenge, ...args],
        {
          LEGO_CA_CERTIFICATES: site.ca.rootFile,
          EXEC_PATH: site.script(
            'lego-hook.sh',
            'if [ $1 = present ]; then tell set-txt "{\\"host\\":\\"$2\\",\\"value\\":\\"$3\\"}"; fi\n',
          ),
        },
      )
    await lego('run')
    const first = await site.issued(file, names)
    await lego('renew', '--days', '9999', '--no-random-sleep')
    const second = await site.issued(file, names)
    expectRenewed(first, second)
    await lego('revoke', '--reason', '5')
    await site.expectRevoked(second)
  }

  test('obtains by http-01, renews and revokes', async () => {
    await site.challenges.place(['http.example.test'], OWN_ADDRESS)
    await life(['http.example.test'], '--http', '--http.port', `${OWN_ADDRESS}:${site.challenges.ports.http}`)
  })

  test('obtains by tls-alpn-01, renews and revokes', async () => {
    await site.challenges.place(['alpn.example.test'], OWN_ADDRESS)
    await life(['alpn.example.test'], '--tls', '--tls.port', `${OWN_ADDRESS}:${site.challenges.ports.tls}`)
  })

  test('obtains a wildcard by dns-01, renews and revokes', async () => {
    const resolver = `127.0.0.1:${site.challenges.ports.dns}`
    const dns = ['--dns', 'exec', '--dns.disable-cp', '--dns.resolvers', resolver]
    await life(['*.dns.example.test'], ...dns)
  })
})
