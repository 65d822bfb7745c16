import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { missing } from '../scenario/tools.ts'
import { opensslStatus, visit } from './handshake.ts'
import { APACHE, apacheIsMissing, loadModules } from './httpd.ts'
import { InteropCa, type Member } from './members.ts'
import { adapted, block } from './page.ts'
import { ProxyProcess, timed, until } from './proxy.ts'

const cas: InteropCa[] = []
afterAll(() => {
  for (const ca of cas) ca.rest.close()
})

interface Running {
  readonly ca: InteropCa
  readonly apache: ProxyProcess
  readonly port: number
  readonly web: Member
  readonly alice: Member
  as(identity?: Member): () => ReturnType<typeof visit>
  /** CRLs and intermediates anew, and what "apachectl graceful" does. */
  refresh(): Promise<void>
}

type Signer = 'authority' | 'delegated'

/** Beside a delegated responder, partitions and deltas, of which Apache must notice nothing. `own`: what the CA's says where it signs itself. */
async function start(variant: 'mod_ssl' | 'mod_md' | 'ocsp', signer: Signer, own = ''): Promise<Running> {
  const ca =
    signer === 'authority'
      ? await InteropCa.start(own)
      : await InteropCa.start(
          'ocsp: { signer: delegated }\ncrl: { partitions: 4, delta: true }',
          await freePort(),
        )
  cas.push(ca)
  const port = await freePort()
  const web = await ca.enrol('web.example.test')
  const alice = await ca.enrol('alice.example.test', 'client')
  const folder = join(ca.folder, 'apache')
  for (const name of ['htdocs', 'md']) mkdirSync(join(folder, name), { recursive: true })
  const file = (name: string) => join(folder, name)
  writeFileSync(join(folder, 'htdocs', 'index.html'), 'hello\n')
  writeFileSync(file('web.pem'), web.certificate)
  writeFileSync(file('web.key'), web.key)
  writeFileSync(file('roots.pem'), ca.root)
  const bundles = async () => {
    writeFileSync(file('crls.pem'), await ca.fetch('/bundles/roots.crl.pem'))
    writeFileSync(file('signers.pem'), await ca.fetch('/bundles/chain.pem'))
  }
  await bundles()
  const page = adapted(block('apache', 'mod_ssl'), {
    '/etc/apache2/tls': folder,
    '/var/run/apache2/stapling': file('stapling'),
    '*:443': `127.0.0.1:${port}`,
    'SSLStaplingStandardCacheTimeout 60': 'SSLStaplingStandardCacheTimeout 1',
  })
  const crlLines = `  SSLCARevocationFile ${file('crls.pem')}\n  SSLCARevocationCheck chain\n`
  const variants = {
    mod_ssl: page,
    ocsp: adapted(page, {
      [crlLines]: adapted(block('apache', 'ocsp'), { '/etc/apache2/tls': folder }),
    }),
    mod_md: block('apache', 'mod_md') + adapted(page, { '  SSLUseStapling on\n': '' }),
  }
  const modules = [
    'mpm_event',
    'authz_core',
    'authn_core',
    'dir',
    'socache_shmcb',
    'ssl',
    'watchdog',
    'md',
    'unixd',
  ]
  writeFileSync(
    file('httpd.conf'),
    `ServerRoot ${folder}\nServerName localhost\nPidFile ${file('httpd.pid')}\nErrorLog "|$/bin/cat 1>&2"\nLogLevel warn\n${loadModules(modules)}` +
      `DefaultRuntimeDir ${folder}\nUser ${process.getuid!() === 0 ? 'www-data' : '#-1'}\nListen 127.0.0.1:${port}\n` +
      `DocumentRoot ${folder}/htdocs\nDirectoryIndex index.html\n<Directory ${folder}>\nRequire all granted\n</Directory>\n` +
      `MDStoreDir ${folder}/md\n${variants[variant]}`,
  )
  const apache = new ProxyProcess(APACHE, ['-f', file('httpd.conf'), '-DFOREGROUND'], folder)
  return {
    ...{ ca, apache, port, web, alice },
    as: (identity) => () => visit({ port, root: ca.root, identity }),
    async refresh() {
      await bundles()
      apache.signal('SIGUSR1')
    },
  }
}

const SIGNERS: readonly Signer[] = ['authority', 'delegated']

describe.skipIf(apacheIsMissing() || missing('openssl'))('Apache', () => {
  test.each(SIGNERS)(
    'staples by mod_ssl, revoked too, signed by %s, and checks clients by CRL',
    async (signer) => {
      const { ca, apache, port, web, alice, as, refresh } = await start('mod_ssl', signer)
      const mallory = await ca.enrol('mallory.example.test', 'client')
      const first = await until(as(alice), ({ answered, staple }) => answered && staple === 'good', apache)
      expect(first.serialNumber).toBe(web.serialNumber)
      expect(await opensslStatus(port, ca.service.rootFile)).toMatch(
        /OCSP Response Status: successful[\s\S]*Cert Status: good/,
      )
      expect((await as()()).answered).toBe(false)
      expect((await as(mallory)()).answered).toBe(true)
      await timed(
        `apache (${signer}) SSLCARevocationFile: client refused`,
        async () => {
          await ca.revoke(mallory.serialNumber)
          await refresh()
        },
        as(mallory),
        ({ answered }) => !answered,
        apache,
      )
      await until(as(alice), ({ answered }) => answered, apache)
      await timed(
        `apache (${signer}) mod_ssl (cache of 1 s): staple revoked`,
        () => ca.revoke(web.serialNumber),
        as(alice),
        ({ staple }) => staple === 'revoked',
        apache,
      )
      expect(await opensslStatus(port, ca.service.rootFile)).toContain('Cert Status: revoked')
      await apache.stop()
    },
  )

  test('has no staple for a while when the responder is away, rather than one that says so', async () => {
    const { ca, apache, alice, as } = await start('mod_ssl', 'authority')
    await until(as(alice), ({ staple }) => staple === 'good', apache)
    await ca.service.stop()
    const seen = await until(as(alice), ({ staple }) => staple !== 'good', apache)
    expect(seen).toMatchObject({ answered: true, staple: null })
    await apache.stop()
  })

  test.each(SIGNERS)('asks about clients by OCSP, signed by %s', async (signer) => {
    const { ca, apache, alice, as } = await start('ocsp', signer)
    const mallory = await ca.enrol('mallory.example.test', 'client')
    await until(as(mallory), ({ answered }) => answered, apache)
    await timed(
      `apache (${signer}) SSLOCSPEnable: client refused`,
      () => ca.revoke(mallory.serialNumber),
      as(mallory),
      ({ answered }) => !answered,
      apache,
    )
    expect((await as(alice)()).answered).toBe(true)
    await apache.stop()
  })

  test.each(SIGNERS)('asks about clients of a new intermediate as well, signed by %s', async (signer) => {
    const { ca, apache, alice, as, refresh } = await start('ocsp', signer)
    await until(as(alice), ({ answered }) => answered, apache)
    const root = join(ca.service.directory, 'root-offline')
    const [csr, chain] = [join(ca.folder, 'next.csr'), join(ca.folder, 'next.pem')]
    const authority = async (...args: string[]) => {
      const { status, stderr } = await ca.service.cli('authority', ...args)
      expect(status, stderr).toBe(0)
    }
    await authority('create', 'next', '--replaces', 'intermediate', '--subject', 'CN=Next CA')
    await authority('csr', 'next', '--out', csr)
    await authority('sign', csr, '--root-folder', root, '--public-url', ca.service.httpUrl, '--out', chain)
    await authority('install', chain, '--authority', 'next')
    await refresh()
    await authority('activate', 'next', '--force', 'propagation')
    const bob = await ca.enrol('bob.example.test', 'client')
    await until(as(bob), ({ answered }) => answered, apache)
    await until(as(alice), ({ answered }) => answered, apache)
    await apache.stop()
  })

  test('goes on to let clients in where others have used up what may be signed with a nonce', async () => {
    const { apache, alice, as } = await start('ocsp', 'authority', 'ocsp: { uncachedRate: 1 }')
    await until(as(alice), ({ answered }) => answered, apache)
    const visits = await Promise.all(Array.from({ length: 8 }, as(alice)))
    expect(visits.map(({ answered }) => answered)).toEqual(Array(8).fill(true))
    await apache.stop()
  })

  test.each(SIGNERS)('staples by mod_md, which sends nonces, signed by %s', async (signer) => {
    const { ca, apache, port, web, alice, as } = await start('mod_md', signer)
    const first = await until(as(alice), ({ answered, staple }) => answered && staple === 'good', apache)
    expect(first.serialNumber).toBe(web.serialNumber)
    expect(await opensslStatus(port, ca.service.rootFile)).toMatch(/OCSP Response Status: successful/)
    await apache.stop()
  })
})
