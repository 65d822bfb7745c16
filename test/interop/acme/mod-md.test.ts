import { chmodSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../free-port.ts'
import { APACHE, apacheIsMissing, loadModules } from '../httpd.ts'
import { ProxyProcess, until } from '../proxy.ts'
import { challengesAreMissing } from './challenges.ts'
import { served } from './served.ts'
import { AcmeSite, expectRenewed, OWN_ADDRESS } from './site.ts'

/** Printed when there is a new certificate. */
const STAGED = 'changes will be activated on next'
/** Other errors come about where a graceful restart cuts off what it is asking. */
const REFUSAL = /urn:ietf:params:acme:error/
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const LOADED = ['mpm_event', 'authz_core', 'socache_shmcb', 'ssl', 'watchdog', 'md', 'unixd']

describe.skipIf(challengesAreMissing() || apacheIsMissing())('Apache mod_md', () => {
  let site: AcmeSite
  beforeAll(async () => {
    site = await AcmeSite.start()
    // Its children are another user when root starts it, and answer the challenges from files.
    chmodSync(site.folder, 0o755)
  })
  afterAll(() => site?.stop())

  function configure(names: readonly string[], https: number, more: string): string {
    const { http } = site.challenges.ports
    const folder = site.makeFolder(`apache-${names[0]}`)
    // The CA's own folder is not open to them.
    const root = site.write('root.pem', readFileSync(site.ca.rootFile, 'utf8'))
    const host = (port: number) =>
      `<VirtualHost ${OWN_ADDRESS}:${port}>\nServerName ${names[0]}\n` +
      `${names
        .slice(1)
        .map((name) => `ServerAlias ${name}\n`)
        .join('')}${port === https ? 'SSLEngine on\n' : ''}</VirtualHost>\n`
    const user = process.getuid?.() === 0 ? 'User www-data\nGroup www-data\n' : ''
    return site.write(
      'httpd.conf',
      `ServerRoot ${folder}\nServerName localhost\nPidFile ${folder}/httpd.pid\nErrorLog "|$/bin/cat 1>&2"\n` +
        `LogLevel warn md:info\n${loadModules(LOADED)}DefaultRuntimeDir ${folder}\n${user}` +
        `Listen ${OWN_ADDRESS}:${http}\nListen ${OWN_ADDRESS}:${https}\nMDStoreDir ${folder}/md\n` +
        `MDCertificateAuthority ${site.ca.directory}\nMDCACertificateFile ${root}\n` +
        'MDCertificateAgreement accepted\nMDContactEmail ada@example.test\nMDPrivateKeys secp256r1\n' +
        `MDPortMap http:${http} https:${https}\nMDRetryDelay 1s\nMDCheckInterval 1s\n${more}` +
        `MDomain ${names.join(' ')}\n${host(http)}${host(https)}`,
    )
  }

  /** A server that has its first certificate. `more`: what else the configuration says. */
  async function start(names: readonly string[], https: number, more: string) {
    await site.challenges.place(names, OWN_ADDRESS)
    const configuration = configure(names, https, more)
    const apache = new ProxyProcess(APACHE, ['-f', configuration, '-DFOREGROUND'], site.folder)
    const look = () => served(OWN_ADDRESS, https, names[0]!)
    const stopgap = await until(look, (seen) => seen !== null, apache)
    /** Waits until it has fetched a certificate, and does what "apachectl graceful" does: only then is it used. */
    const next = async (since: number, before: string) => {
      await until(async () => apache.output.slice(since).includes(STAGED), Boolean, apache)
      apache.signal('SIGUSR1')
      const chain = await until(look, (seen) => seen !== null && !seen.startsWith(before), apache)
      return site.verified(chain!, names)
    }
    return { apache, next, first: await next(0, stopgap!) }
  }

  // The serial number of its answer to tls-alpn-01 can be longer than the 20 octets of RFC 5280.
  test.each(['http-01', 'tls-alpn-01'])('obtains by %s, renews, and serves what it has', async (type) => {
    const names = [`${type}.example.test`, `www.${type}.example.test`]
    const https = type === 'http-01' ? await freePort() : site.challenges.ports.tls
    const more = `MDCAChallenges ${type}\n${type === 'http-01' ? '' : 'Protocols http/1.1 acme-tls/1\n'}`
    const { apache, next, first } = await start(names, https, more)
    expect(await site.status(first)).toBe('good')
    const printed = apache.output.length
    // It is never too early to renew what lives for less than that.
    configure(names, https, `${more}MDRenewWindow 3650d\n`)
    apache.signal('SIGUSR1')
    const second = await next(printed, first.certificate)
    await apache.stop()
    expectRenewed(first, second)
    expect(await site.status(second)).toBe('good')
    // It has no command to revoke.
    await site.ca.revoke(second.serialNumber)
    await site.expectRevoked(second)
    expect(apache.output).not.toMatch(REFUSAL)
  })

  test('orders the profile that it is told to', async () => {
    const { apache, first } = await start(
      ['peer.example.test'],
      await freePort(),
      'MDCAChallenges http-01\nMDProfile peer\nMDProfileMandatory on\n',
    )
    await apache.stop()
    expect(first.leaf.keyUsage).toContain(CLIENT_AUTH)
  })

  // It asks for renewal information each time that it looks, and says in its order what the new certificate replaces.
  test('replaces by itself what was revoked', async () => {
    const names = ['ari.example.test']
    const { apache, next, first } = await start(names, await freePort(), 'MDCAChallenges http-01\n')
    const printed = apache.output.length
    await site.ca.revoke(first.serialNumber)
    const second = await next(printed, first.certificate)
    await apache.stop()
    expectRenewed(first, second)
    expect(await site.status(first)).toBe('revoked')
    expect(await site.status(second)).toBe('good')
    expect(apache.output).not.toMatch(REFUSAL)
  })
})
