import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../free-port.ts'
import { missing } from '../../scenario/tools.ts'
import { ProxyProcess, until } from '../proxy.ts'
import { challengesAreMissing } from './challenges.ts'
import { served } from './served.ts'
import { AcmeSite, expectRenewed, OWN_ADDRESS } from './site.ts'

describe.skipIf(challengesAreMissing() || missing('caddy'))('Caddy', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
  })
  afterAll(() => site?.stop())

  /** `patience`: the part of its life that a certificate has left when Caddy renews it. */
  function caddy(name: string, port: number, challenges: object, patience?: number): ProxyProcess {
    const policy = {
      subjects: [name],
      issuers: [
        {
          module: 'acme',
          ca: site.ca.directory,
          email: 'ada@example.test',
          trusted_roots_pem_files: [site.ca.rootFile],
          challenges: { bind_host: OWN_ADDRESS, ...challenges },
        },
      ],
      ...(patience === undefined ? {} : { renewal_window_ratio: patience }),
    }
    const server = {
      listen: [`${OWN_ADDRESS}:${port}`],
      routes: [{ handle: [{ handler: 'static_response', body: 'hello\n' }] }],
      automatic_https: { disable: true },
      tls_connection_policies: [{}],
    }
    const { http } = site.challenges.ports
    const configuration = site.write(
      'caddy.json',
      JSON.stringify({
        admin: { disabled: true, config: { persist: false } },
        storage: { module: 'file_system', root: site.path('caddy') },
        apps: {
          tls: {
            automation: { policies: [policy], renew_interval: '1s' },
            certificates: { automate: [name] },
          },
          http: { http_port: http, https_port: port, servers: { web: server } },
        },
      }),
    )
    return new ProxyProcess(
      'env',
      [`HOME=${site.folder}`, 'caddy', 'run', '--config', configuration],
      site.folder,
    )
  }

  test.each(['http', 'tls-alpn'])('obtains by %s, renews, and serves what it has', async (kind) => {
    const name = `${kind}.example.test`
    await site.challenges.place([name], OWN_ADDRESS)
    const port = await freePort()
    const { http, tls } = site.challenges.ports
    const challenges = {
      http: kind === 'http' ? { alternate_port: http } : { disabled: true },
      'tls-alpn': kind === 'http' ? { disabled: true } : { alternate_port: tls },
    }
    const look = () => served(OWN_ADDRESS, port, name)
    const server = caddy(name, port, challenges)
    const first = await site.issued((await until(look, (chain) => chain !== null, server))!, [name])
    await server.stop()
    const hasty = caddy(name, port, challenges, 0.999999999)
    const other = (chain: string | null) => chain !== null && !chain.startsWith(first.certificate)
    const second = await site.issued((await until(look, other, hasty))!, [name])
    await hasty.stop()
    expectRenewed(first, second)
    // It has no command to revoke.
    await site.ca.revoke(second.serialNumber)
    await site.expectRevoked(second)
  })

  test('replaces what it finds revoked', async () => {
    const name = 'gone.example.test'
    await site.challenges.place([name], OWN_ADDRESS)
    const port = await freePort()
    const challenges = {
      http: { alternate_port: site.challenges.ports.http },
      'tls-alpn': { disabled: true },
    }
    const look = () => served(OWN_ADDRESS, port, name)
    const server = caddy(name, port, challenges)
    const first = await site.issued((await until(look, (chain) => chain !== null, server))!, [name])
    await site.ca.revoke(first.serialNumber)
    await server.stop()
    // Else the response of before would do for hours.
    rmSync(site.path('caddy', 'ocsp'), { recursive: true })
    const again = caddy(name, port, challenges)
    const other = (chain: string | null) => chain !== null && !chain.startsWith(first.certificate)
    const second = await site.issued((await until(look, other, again))!, [name])
    await again.stop()
    expectRenewed(first, second)
    expect(again.output).toContain('OCSP status for managed certificate is REVOKED')
  })
})
