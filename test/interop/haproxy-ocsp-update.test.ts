import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { HaproxyRuntime } from '../../src/haproxy/runtime.ts'
import { freePort } from '../free-port.ts'
import { missing } from '../scenario/tools.ts'
import { opensslStatus } from './handshake.ts'
import { NEW_HAPROXY, newHaproxyIsMissing, startHaproxy } from './haproxy.ts'
import { InteropCa } from './members.ts'
import { adapted, block } from './page.ts'
import { timed, until } from './proxy.ts'

let ca: InteropCa | undefined
afterEach(() => ca?.rest.close())

/** HAProxy that fetches its staples from a responder of this kind. `behind`: what follows the intermediate in its PEM. */
async function start(signer: 'authority' | 'delegated', behind: (root: string) => string = () => '') {
  const port = await freePort()
  // HAProxy does not know "localhost", which is in /etc/hosts alone.
  ca = await InteropCa.start(`publicUrl: http://127.0.0.1:${port}\nocsp: { signer: ${signer} }`, port)
  const alice = await ca.enrol('alice.example.test', 'client')
  const { root } = ca
  const running = await startHaproxy(ca, NEW_HAPROXY, (file, web) => {
    writeFileSync(file('web.pem'), web.certificate + behind(root) + web.key)
    writeFileSync(
      file('list'),
      adapted(block('haproxy', 'list'), { '/etc/haproxy/web.pem': file('web.pem') }),
    )
    const config = readFileSync(file('haproxy.cfg'), 'utf8')
    const [, bind] = /bind (\S+) /.exec(config)!
    const line = adapted(block('haproxy', 'crt-list'), {
      '0.0.0.0:443': bind!,
      '/etc/haproxy/certificates.list': file('list'),
      '/etc/haproxy/roots.pem': file('roots.pem'),
      '/etc/haproxy/crls.pem': file('crls.pem'),
    })
    writeFileSync(file('haproxy.cfg'), config.replace(/ {2}bind .*\n/, line))
  })
  const runtime = new HaproxyRuntime(running.file('admin.sock'))
  const [, update] = /^echo '(.*)' \| socat/.exec(
    adapted(block('haproxy', 'update'), { '/etc/haproxy/web.pem': running.file('web.pem') }),
  )!
  return { ...running, ca, look: running.as(alice), runtime, update: () => runtime.command(update!) }
}

describe.skipIf(newHaproxyIsMissing() || missing('openssl'))('HAProxy with ocsp-update', () => {
  test.each([
    ['authority', () => ''],
    ['delegated', (root: string) => root],
  ] as const)(
    'fetches the staple by itself, signed by %s, and anew when it is told to',
    async (signer, behind) => {
      const { ca, haproxy, port, web, look, update } = await start(signer, behind)
      const first = await until(look, ({ answered, staple }) => answered && staple === 'good', haproxy)
      expect(first.serialNumber).toBe(web.serialNumber)
      expect(await opensslStatus(port, ca.service.rootFile)).toMatch(
        /OCSP Response Status: successful[\s\S]*Cert Status: good/,
      )
      await timed(
        `haproxy ocsp-update (${signer}): staple revoked`,
        async () => {
          await ca.revoke(web.serialNumber)
          await update()
        },
        look,
        ({ staple }) => staple === 'revoked',
        haproxy,
      )
      await haproxy.stop()
    },
  )

  test('plans its next fetch an hour ahead, since so much more of the response is left', async () => {
    const { haproxy, look, runtime } = await start('authority')
    await until(look, ({ staple }) => staple === 'good', haproxy)
    const [, next, last] = (await runtime.command('show ssl ocsp-updates'))
      .split('\n')[1]!
      .split(' | ')
      .slice(1)
      .map((text) => text.replace(/^(\d+)\/(\w+)\/(\d+):/, '$1 $2 $3 '))
    expect(Date.parse(next!) - Date.parse(last!)).toBe(3_600_000)
    await haproxy.stop()
  })

  test('needs the root behind the intermediate where a responder is delegated', async () => {
    const { haproxy, look, runtime } = await start('delegated')
    await until(look, ({ answered }) => answered, haproxy)
    await until(
      () => runtime.command('show ssl ocsp-updates'),
      (text) => text.includes('OCSP response check failure'),
      haproxy,
    )
    expect((await look()).staple).toBeNull()
    await haproxy.stop()
  })
})
