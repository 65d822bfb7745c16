import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import {
  asksByRest,
  downstream,
  type EnvoyConfig,
  envoyIdentity,
  envoyIsMissing,
  startEnvoy,
  watchesFiles,
} from './envoy.ts'
import { opensslStatus, visit } from './handshake.ts'
import { InteropCa, type Member } from './members.ts'
import { adapted, block } from './page.ts'
import { type ProxyProcess, timed, until } from './proxy.ts'

let ca: InteropCa
let alice: Member

const start = (port: number, configure?: (config: EnvoyConfig) => void) =>
  startEnvoy({ port, folder: ca.folder, tlsUrl: ca.service.tlsUrl, write: ca.write.bind(ca) }, configure)

describe.skipIf(envoyIsMissing())('Envoy', () => {
  beforeAll(async () => {
    ca = await InteropCa.start(
      `${block('envoy', 'ca')}profiles: { stapled: { extends: server, mustStaple: true } }`,
    )
    await envoyIdentity(ca)
    alice = await ca.enrol('alice.example.test', 'client')
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
    const envoy = start(port)
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
    const envoy = start(port, (config) => {
      downstream(config).ocsp_staple_policy = 'MUST_STAPLE'
    })
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
    const envoy = start(port, asksByRest)
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
    const envoy = start(port, (config) => watchesFiles(config, folder))
    const before = readFileSync(join(folder, 'server.json'), 'utf8')
    await deliver()
    expect(readFileSync(join(folder, 'server.json'), 'utf8')).toBe(before)
    await provesRevocation('files', envoy, port, web, deliver)
  })
})
