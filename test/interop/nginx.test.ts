import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { missing, run } from '../scenario/tools.ts'
import { opensslStatus, visit } from './handshake.ts'
import { InteropCa, type Member } from './members.ts'
import { adapted, block } from './page.ts'
import { ProxyProcess, timed, until } from './proxy.ts'

const cas: InteropCa[] = []
afterAll(() => {
  for (const ca of cas) ca.rest.close()
})

interface Running {
  readonly ca: InteropCa
  readonly nginx: ProxyProcess
  readonly port: number
  readonly folder: string
  readonly web: Member
  readonly alice: Member
  as(identity?: Member): () => ReturnType<typeof visit>
  /** What the page does with curl, and "nginx -s reload". */
  refresh(): Promise<void>
}

/** `checks`: the block of the page that says how clients are. */
async function start(ca: InteropCa, checks: 'crl' | 'ocsp' | 'ocsp-chain' = 'crl'): Promise<Running> {
  cas.push(ca)
  const port = await freePort()
  const web = await ca.enrol('web.example.test')
  const alice = await ca.enrol('alice.example.test', 'client')
  const folder = join(ca.folder, `nginx-${port}`)
  mkdirSync(join(folder, 'logs'), { recursive: true })
  const file = (name: string) => join(folder, name)
  writeFileSync(file('web.pem'), web.certificate)
  writeFileSync(file('web.key'), web.key)
  writeFileSync(file('roots.pem'), ca.root)
  writeFileSync(file('crls.pem'), await ca.fetch('/bundles/roots.crl.pem'))
  const server = adapted(block('nginx', 'crl'), {
    '443 ssl': `127.0.0.1:${port} ssl`,
    '/etc/nginx/tls': folder,
  })
  const crlLine = `  ssl_crl ${file('crls.pem')};\n`
  const responder = ca.service.httpUrl.replace('localhost', '127.0.0.1')
  const byOcsp = () => adapted(block('nginx', checks), { 'http://192.0.2.1:8080': responder })
  const config = checks === 'crl' ? server : adapted(server, { [crlLine]: byOcsp() })
  writeFileSync(
    file('nginx.conf'),
    `daemon off; worker_processes 1; pid ${file('nginx.pid')}; error_log stderr notice;
     events {}
     http { access_log off; client_body_temp_path ${file('t1')}; proxy_temp_path ${file('t2')};
       fastcgi_temp_path ${file('t3')}; uwsgi_temp_path ${file('t4')}; scgi_temp_path ${file('t5')};
       ${config} }\n`,
  )
  const nginx = new ProxyProcess('nginx', ['-p', folder, '-c', file('nginx.conf')], folder)
  const lines = adapted(block('nginx', 'fetch'), {
    '/etc/nginx/tls': folder,
    'http://ca.example.test': ca.service.httpUrl,
    'nginx -s reload': `nginx -p ${folder} -c ${file('nginx.conf')} -s reload`,
  })
  return {
    ...{ ca, nginx, port, folder, web, alice },
    as: (identity) => () => visit({ port, root: ca.root, identity }),
    async refresh() {
      const { status, stderr } = await run('sh', ['-ec', lines])
      expect(status, stderr).toBe(0)
    },
  }
}

type Signer = 'authority' | 'delegated'
const SIGNERS: readonly Signer[] = ['authority', 'delegated']

/** Beside a delegated responder, partitions and deltas, of which nginx must notice nothing. */
const startCa = async (signer: Signer) =>
  signer === 'authority'
    ? InteropCa.start()
    : InteropCa.start('ocsp: { signer: delegated }\ncrl: { partitions: 4, delta: true }', await freePort())

describe.skipIf(missing('nginx', 'openssl', 'curl'))('nginx', () => {
  test.each(SIGNERS)(
    'staples what the responder says, signed by %s, and checks clients by CRL',
    async (signer) => {
      const { ca, nginx, port, web, alice, as, refresh } = await start(await startCa(signer))
      const mallory = await ca.enrol('mallory.example.test', 'client')
      // Its first handshake has no staple.
      const first = await until(as(alice), ({ answered, staple }) => answered && staple === 'good', nginx)
      expect(first.serialNumber).toBe(web.serialNumber)
      expect(await opensslStatus(port, ca.service.rootFile)).toMatch(
        /OCSP Response Status: successful[\s\S]*Cert Status: good/,
      )
      expect((await as()()).answered).toBe(false)
      expect((await as(mallory)()).answered).toBe(true)

      const revoke = (member: Member) => async () => {
        await ca.revoke(member.serialNumber)
        await refresh()
      }
      await timed(
        `nginx (${signer}) ssl_crl: client refused`,
        revoke(mallory),
        as(mallory),
        ({ answered }) => !answered,
        nginx,
      )
      expect((await as(alice)()).answered).toBe(true)
      // A staple that says "revoked" is none to nginx.
      await timed(
        `nginx (${signer}): good staple gone`,
        revoke(web),
        as(alice),
        ({ answered, staple }) => answered && staple === null,
        nginx,
      )
      await nginx.stop()
    },
  )

  test('turns every client away without a CRL of the root, which the bundle has', async () => {
    const { ca, nginx, folder, as, alice, refresh } = await start(await InteropCa.start())
    await until(as(alice), ({ answered }) => answered, nginx)
    writeFileSync(join(folder, 'crls.pem'), await ca.fetch('/crl/intermediate.pem'))
    nginx.signal('SIGHUP')
    await until(as(alice), ({ answered, serialNumber }) => !answered && serialNumber !== null, nginx)
    await refresh()
    await until(as(alice), ({ answered }) => answered, nginx)
    await nginx.stop()
  })

  test.each(SIGNERS)(
    'asks about clients by OCSP, signed by %s, and sees a revocation at once',
    async (signer) => {
      const { ca, nginx, alice, as } = await start(await startCa(signer), 'ocsp')
      const mallory = await ca.enrol('mallory.example.test', 'client')
      await until(as(mallory), ({ answered }) => answered, nginx)
      await timed(
        `nginx (${signer}) ssl_ocsp: client refused`,
        () => ca.revoke(mallory.serialNumber),
        as(mallory),
        ({ answered }) => !answered,
        nginx,
      )
      expect((await as(alice)()).answered).toBe(true)
      // Without the responder nobody is let in.
      await ca.service.stop()
      expect((await as(alice)()).answered).toBe(false)
      await nginx.stop()
    },
  )

  test('asks about intermediates by OCSP where the root’s responses were brought', async () => {
    const { ca, nginx, alice, as } = await start(await InteropCa.start(), 'ocsp-chain')
    await until(as(alice), ({ serialNumber }) => serialNumber !== null, nginx)
    expect((await as(alice)()).answered).toBe(false)
    const [certificate, crl] = [
      ca.write('intermediate.pem', await ca.fetch('/ca/intermediate.pem')),
      ca.write('root.crl', await ca.fetch('/crl/root.crl')),
    ]
    const out = join(ca.folder, 'responses')
    const root = join(ca.service.directory, 'root-offline')
    const cli = async (...args: string[]) => {
      const { status, stderr } = await ca.service.cli(...args)
      expect(status, stderr).toBe(0)
    }
    await cli('root', 'ocsp', '--root-folder', root, '--certificate', certificate, '--crl', crl, '--out', out)
    for (const name of readdirSync(out)) await cli('ocsp', 'install', 'root', join(out, name))
    await until(as(alice), ({ answered }) => answered, nginx)
    await nginx.stop()
  })
})
