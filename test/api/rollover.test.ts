import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { OpenRoot } from '../../src/ca/hierarchy/root.ts'
import { proveOcspResponse } from '../../src/ocsp/prove-response.ts'
import { stapleRequest } from '../../src/ocsp/staple.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { DAY, TestCa } from './ca-fixture.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from './new-authority.ts'
import { csrPem } from './requests.ts'

// openssl is started for each leaf, each store and each step.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

interface Leaf {
  readonly serialNumber: string
  readonly authority: string
  readonly certificate: string
  readonly chain: string[]
  readonly notAfter: string
}

/** By the clock, from the first intermediate to the day on which the old root leaves the bundles. */
describe.skipIf(toolIsMissing('openssl'))('the life of a rollover', () => {
  let ca: TestCa
  let old: OpenRoot
  let next: Awaited<ReturnType<typeof secondRoot>>
  let cross: string[] = []
  let stores: { old: string; new: string }
  const leaves: Leaf[] = []
  beforeAll(async () => {
    const bridged = { extends: 'server', chain: 'root' }
    ca = await TestCa.create({ options: { profiles: { bridged } } })
    old = await ownRoot(ca)
    next = await secondRoot(ca)
    stores = { old: ca.rootPem, new: next.certificate }
  })
  afterAll(() => ca.close())

  const text = async (path: string) => (await ca.call(path, {}, ca.http)).text
  const phase = (id: string, body: object) => ca.call(`/v1/authorities/${id}/phase`, { body })
  const later = (days: number) => {
    ca.now += days * DAY * 1000
  }
  const isLive = ({ notAfter }: Leaf) => Date.parse(notAfter) > ca.now
  async function issue(name: string, profile = 'server'): Promise<Leaf> {
    const leaf: Leaf = await ca.enrol(csrPem([`dns:${name}.example.test`]), { profile })
    leaves.push(leaf)
    return leaf
  }

  function verify(leaf: Leaf, store: string, crls: string, more: readonly string[] = []): void {
    const args = ['verify', '-x509_strict', '-crl_check_all', '-attime', String(ca.seconds), '-no-CApath']
    const files = {
      ...{ 'store.pem': store, 'crls.pem': crls, 'leaf.pem': leaf.certificate },
      'chain.pem': [...leaf.chain, ...more].join(''),
    }
    const named = ['-no-CAstore', '-CAfile', 'store.pem', '-CRLfile', 'crls.pem', '-untrusted', 'chain.pem']
    expect(runTool('openssl', [...args, ...named, 'leaf.pem'], files)).toBe('leaf.pem: OK\n')
  }

  /** Each leaf that is valid, with either store, by the CRLs and the OCSP responses of this moment. */
  async function allIsWell(): Promise<void> {
    const crls = await text('/bundles/roots.crl.pem')
    const bundle = await text('/bundles/roots.pem')
    for (const leaf of leaves.filter(isLive)) {
      verify(leaf, bundle, crls)
      verify(leaf, stores.old, crls, cross)
      if (cross.length > 0) verify(leaf, stores.new, crls, cross)
      const issuer = parseCertificate(decodePem(await text(`/ca/${leaf.authority}.pem`), 'issuer')[0]!.der)
      const asked = await ca.call(
        '/ocsp',
        {
          body: stapleRequest({ certificate: issuer }, leaf.serialNumber),
          headers: { 'content-type': 'application/ocsp-request' },
        },
        ca.http,
      )
      expect(proveOcspResponse(asked.body, issuer, ca.seconds).status).toBe('good')
    }
  }

  test('a new intermediate', async () => {
    await issue('first')
    await newAuthority(ca, 'second', { replaces: 'intermediate' })
    await allIsWell()
    later(1)
    await allIsWell()
    expect((await phase('second', { phase: 'active' })).status).toBe(200)
    expect((await issue('second')).authority).toBe('second')
    await allIsWell()
  })

  test('a new root, in the bundles for a day before anything stands below it', async () => {
    cross = [await crossed(ca, next.root, old), await crossed(ca, old, next.root)]
    const installed = await installRoots(ca, next.certificate, next.crl, ...cross)
    expect(installed.status, installed.text).toBe(200)
    await allIsWell()
    await newAuthority(ca, 'third', { replaces: 'second', root: next.root })
    expect((await phase('third', { phase: 'active' })).status).toBe(409)
    later(1)
    expect((await phase('third', { phase: 'active' })).status).toBe(200)
    expect((await issue('third')).authority).toBe('third')
    const bridged = await issue('bridged', 'bridged')
    await allIsWell()
    // What a server sends is enough for whoever has the old root alone.
    verify(bridged, stores.old, await text('/bundles/roots.crl.pem'))
    // Some days of both: everybody renews.
    for (let day = 0; day < 3; day++) {
      later(1)
      await ca.reopen()
      await allIsWell()
    }
  })

  test('old certificates are answered for until the last has ended, and then the old root goes', async () => {
    for (const id of ['intermediate', 'second']) {
      const { state, answersUntil } = (await ca.call(`/v1/authorities/${id}`)).json
      expect(state).toBe('retired')
      const last = leaves
        .filter(({ authority }) => authority === id)
        .map(({ notAfter }) => Date.parse(notAfter))
      // The service’s own certificates stand below it as well.
      expect(Date.parse(answersUntil)).toBeGreaterThanOrEqual(Math.max(...last) + 7 * DAY * 1000)
      expect((await phase('root', { phase: 'retired', dryRun: true })).json.checks).toMatchObject([
        { ok: false },
      ])
    }
    const ends = leaves
      .filter(({ authority }) => authority !== 'third')
      .map(({ notAfter }) => Date.parse(notAfter))
    ca.now = Math.max(...ends) - DAY * 1000
    await ca.reopen()
    await allIsWell()
    const { answersUntil } = (await ca.call('/v1/authorities/second')).json
    ca.now = Date.parse(answersUntil)
    await ca.reopen()
    const retired = await phase('root', { phase: 'retired' })
    expect(retired.status, retired.text).toBe(200)
    expect(await text('/bundles/roots.pem')).toBe(stores.new)
    const crls = await text('/bundles/roots.crl.pem')
    expect(crls.match(/BEGIN X509 CRL/g)).toHaveLength(2)
    const leaf = await issue('last')
    verify(leaf, stores.new, crls)
    // What nobody makes nor needs any more ends, and must wake nobody.
    const { text: metrics } = await ca.call('/metrics')
    const told = [...metrics.matchAll(/^chancery_crl_seconds_to_next_update\{authority="([^"]+)"/gm)]
    expect(told.map(([, id]) => id)).toEqual([next.root.id, 'third'])
  })
})
