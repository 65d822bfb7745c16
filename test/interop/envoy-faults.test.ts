import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { decodePem } from '../../src/pki/pem.ts'
import { discoveryJson, type SecretContent } from '../../src/sds/secret.ts'
import { findSecret } from '../../src/sds/secret-source.ts'
import { writeFiles } from '../../src/write-files.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem, keyPem, newKey } from '../api/requests.ts'
import { freePort } from '../free-port.ts'
import { startService } from '../scenario/harness.ts'
import { downstream, envoyIdentity, envoyIsMissing, startEnvoy, watchesFiles } from './envoy.ts'
import { visit } from './handshake.ts'
import { InteropCa, type Member } from './members.ts'
import { block } from './page.ts'
import { type ProxyProcess, until } from './proxy.ts'

const HOUR = 3_600_000

/** What Envoy does with secrets that are wrong: why they are proven before they are delivered. */
describe.skipIf(envoyIsMissing())('Envoy, given by a file', () => {
  let ca: TestCa
  let folder: string
  let alice: Member
  const write = (name: string, content: string) => {
    writeFiles([{ path: join(folder, name), content, mode: 0o600 }])
    return join(folder, name)
  }
  const deliver = (name: 'server' | 'peers', content: SecretContent) =>
    write(`sds/${name}.json`, discoveryJson({ content: { ...content, name }, version: '' }))
  const secretOf = async (name: string) =>
    (await findSecret(name, { kind: 'admin', id: 'admin:test' }, ca.service)).content

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'chancery-envoy-'))
    mkdirSync(join(folder, 'sds'))
    // Its clock begins in the past, so that it can have signed what has expired since.
    vi.setSystemTime(Date.now() - 13 * HOUR)
    ca = await TestCa.create()
    vi.useRealTimers()
    alice = await enrol('alice.example.test', 'client')
  })
  afterAll(async () => {
    await ca.close()
    rmSync(folder, { recursive: true })
  })

  async function enrol(name: string, profile = 'server'): Promise<Member> {
    const key = newKey()
    const { certificate, chain, serialNumber } = await ca.enrol(csrPem([`dns:${name}`], { key }), { profile })
    return { certificate: [certificate, ...chain].join(''), serialNumber, key: keyPem(key) }
  }

  /** The newest certificate of the name, with its staple. */
  async function newServer(): Promise<{ content: SecretContent; serialNumber: string }> {
    const { serialNumber, key } = await enrol('web.example.test')
    write(`${serialNumber}.key`, key)
    const keyFile = join(folder, `${serialNumber}.key`)
    return { serialNumber, content: await secretOf(`serial:${serialNumber}?key=${keyFile}`) }
  }

  async function start(policy = 'LENIENT_STAPLING') {
    const port = await freePort()
    const envoy = startEnvoy({ port, folder, tlsUrl: 'https://localhost:1', write }, (config) => {
      watchesFiles(config, join(folder, 'sds'))
      downstream(config).ocsp_staple_policy = policy
    })
    return { envoy, look: () => visit({ port, root: ca.rootPem, identity: alice }) }
  }

  test.each(['LENIENT_STAPLING', 'STRICT_STAPLING'])(
    'an expired staple, takes it under %s and does not give it, until there is another',
    async (policy) => {
      const real = Date.now()
      ca.now = real - 13 * HOUR
      const { content, serialNumber } = await newServer()
      deliver('server', content)
      deliver('peers', await secretOf('roots'))
      const { envoy, look } = await start(policy)
      const isLenient = policy === 'LENIENT_STAPLING'
      const seen = await until(
        look,
        ({ answered, error }) => (isLenient ? answered : /handshake|alert/i.test(error ?? '')),
        envoy,
      )
      expect(seen.staple).toBeNull()
      ca.now = real
      const key = content.tls_certificate!.private_key as { filename: string }
      deliver('server', await secretOf(`serial:${serialNumber}?key=${key.filename}`))
      await until(look, ({ answered, staple }) => answered && staple === 'good', envoy)
      await envoy.stop()
    },
  )

  test('a secret that cannot be read or does not fit, goes on with the one before', async () => {
    ca.now = Date.now()
    const [good, other, next] = [await newServer(), await newServer(), await newServer()]
    deliver('server', good.content)
    deliver('peers', await secretOf('roots'))
    const { envoy, look } = await start()
    await until(look, ({ answered, staple }) => answered && staple === 'good', envoy)
    const goodServer = good.content.tls_certificate!
    const otherServer = other.content.tls_certificate!
    const { inline_bytes } = goodServer.ocsp_staple as { inline_bytes: string }
    const trailing = Buffer.concat([Buffer.from(inline_bytes, 'base64'), Buffer.from([0])]).toString('base64')
    const bad: Record<string, () => void> = {
      'broken JSON': () => write('sds/server.json', '{'),
      'the staple of another': () =>
        deliver('server', {
          ...good.content,
          tls_certificate: { ...goodServer, ocsp_staple: otherServer.ocsp_staple! },
        }),
      'a staple with an octet behind it': () =>
        deliver('server', {
          ...good.content,
          tls_certificate: { ...goodServer, ocsp_staple: { inline_bytes: trailing } },
        }),
      'the key of another': () =>
        deliver('server', {
          ...good.content,
          tls_certificate: { ...goodServer, private_key: otherServer.private_key },
        }),
    }
    for (const [what, give] of Object.entries(bad)) {
      const before = envoy.output.length
      give()
      await until(
        async () => envoy.output.slice(before),
        (said) => said !== '',
        envoy,
      )
      expect(await look(), what).toMatchObject({
        answered: true,
        staple: 'good',
        serialNumber: good.serialNumber,
      })
    }
    deliver('server', next.content)
    await until(look, ({ serialNumber }) => serialNumber === next.serialNumber, envoy)
    await envoy.stop()
  })

  test('CRLs that are DER, or not those of every CA, turns every client away without a word', async () => {
    ca.now = Date.now()
    const trust = await secretOf('roots')
    const { crl, trusted_ca } = trust.validation_context!
    const [own] = decodePem((crl as { inline_string: string }).inline_string, 'CRLs')
    deliver('server', (await newServer()).content)
    deliver('peers', trust)
    const { envoy, look } = await start()
    await until(look, ({ answered }) => answered, envoy)
    const [first] = (crl as { inline_string: string }).inline_string.split(/(?<=END X509 CRL-----\n)/)
    const der = own!.der.toString('base64')
    for (const wrong of [{ inline_bytes: der }, { inline_string: first! }]) {
      deliver('peers', { ...trust, validation_context: { trusted_ca, crl: wrong } })
      await until(look, ({ answered }) => !answered, envoy)
      deliver('peers', trust)
      await until(look, ({ answered }) => answered, envoy)
    }
    await envoy.stop()
  })
})

test.skipIf(envoyIsMissing())(
  'Envoy serves on while the CA is away, and hears of revocations when it is back',
  async () => {
    const ca = await InteropCa.start(
      `${block('envoy', 'ca')}ocsp: { signer: delegated }\ncrl: { partitions: 4, delta: true }`,
      await freePort(),
    )
    await envoyIdentity(ca)
    const [alice, mallory] = [
      await ca.enrol('alice.example.test', 'client'),
      await ca.enrol('mallory.example.test', 'client'),
    ]
    const web = await ca.enrol('web.example.test')
    ca.write('web.key', web.key)
    const port = await freePort()
    const place = { port, folder: ca.folder, write: ca.write.bind(ca) }
    const envoy: ProxyProcess = startEnvoy({ ...place, tlsUrl: ca.service.tlsUrl })
    const as = (identity: Member) => () => visit({ port, root: ca.root, identity })
    await until(as(mallory), ({ answered, staple }) => answered && staple === 'good', envoy)
    ca.rest.close()
    const [CHANCERY_TLS_PORT, CHANCERY_HTTP_PORT] = [ca.service.tlsUrl, ca.service.httpUrl].map(
      (url) => new URL(url).port,
    ) as [string, string]
    await ca.service.stop()
    expect(await as(alice)()).toMatchObject({ answered: true, staple: 'good' })

    const again = await startService({
      directory: ca.service.directory,
      environment: { CHANCERY_TLS_PORT, CHANCERY_HTTP_PORT },
    })
    const rest = again.rest()
    for (const { serialNumber } of [mallory, web])
      await rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: {} })
    await until(as(mallory), ({ answered }) => !answered, envoy)
    await until(as(alice), ({ answered, staple }) => answered && staple === 'revoked', envoy)
    rest.close()
    await envoy.stop()
  },
)

test.skipIf(envoyIsMissing())(
  'Envoy takes up the renewal of its own certificate, also where the old one counts no more',
  async () => {
    const ca = await InteropCa.start(block('envoy', 'ca'))
    const identity = await envoyIdentity(ca)
    const old = new X509Certificate(readFileSync(join(ca.folder, 'edge', 'cert.pem'))).serialNumber
    const alice = await ca.enrol('alice.example.test', 'client')
    const web = await ca.enrol('web.example.test')
    ca.write('web.key', web.key)
    const port = await freePort()
    const place = { port, folder: ca.folder, write: ca.write.bind(ca) }
    const envoy = startEnvoy({ ...place, tlsUrl: ca.service.tlsUrl })
    const look = () => visit({ port, root: ca.root, identity: alice })
    await until(look, ({ answered, staple }) => answered && staple === 'good', envoy)
    await identity.renew()
    // The connection to the CA was made with it, and would last as long as Envoy.
    await ca.revoke(old)
    await ca.revoke(web.serialNumber)
    await until(look, ({ answered, staple }) => answered && staple === 'revoked', envoy)
    ca.rest.close()
    await envoy.stop()
  },
)
