import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { runTool } from '../pki/external-tool.ts'
import { AcmeCa } from './acme/acme-ca.ts'
import { certId } from './acme/cert-id.ts'
import type { AcmeClient, Reply } from './acme/client.ts'
import { DAY } from './ca-fixture.ts'
import { certificatesOf } from './est/messages.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from './new-authority.ts'
import { csrDer } from './requests.ts'

let acme: AcmeCa
let client: AcmeClient
let before: Reply
beforeAll(async () => {
  acme = await AcmeCa.create(
    { profiles: ['server', 'bridged'] },
    {
      est: { names: ['example.test'] },
      profiles: { bridged: { extends: 'server', chain: 'root' } },
      rollover: { propagation: '0s' },
    },
  )
  client = await acme.client()
  before = await client.newOrder(['localhost'])
  await client.authorize(before, acme.solve)
  await client.settled(String(before.headers.location))
})
afterAll(() => acme.close())

const activate = async (id: string) => {
  const moved = await acme.ca.call(`/v1/authorities/${id}/phase`, { body: { phase: 'active' } })
  expect(moved.status, moved.text).toBe(200)
}
const issuers = (pem: string) => decodePem(pem, 'chain').map(({ der }) => new X509Certificate(der).issuer)

async function finalized(order: Reply): Promise<string> {
  const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
  expect(done.status, done.text).toBe(200)
  return done.json.certificate
}

async function estIssuer(): Promise<string> {
  const name = `pump-${acme.ca.now}`
  const user = await acme.ca.call('/v1/est/users', { body: { name } })
  const enrolled = await acme.ca.call('/.well-known/est/simpleenroll', {
    as: null,
    body: csrDer(['dns:pump.example.test']).toString('base64'),
    headers: {
      'content-type': 'application/pkcs10',
      authorization: `Basic ${Buffer.from(`${name}:${user.json.password}`).toString('base64')}`,
    },
  })
  expect(enrolled.status, enrolled.text).toBe(200)
  return certificatesOf(enrolled.body)[0]!.issuer
}

test('ACME orders of before, new ones and EST get certificates of the new authority from the activation on', async () => {
  await newAuthority(acme.ca, 'next', { replaces: 'intermediate' })
  expect(await estIssuer()).not.toBe('CN=next')
  await activate('next')
  const chain = await client.download(await finalized(before))
  expect(issuers(chain.text)[0]).toBe('CN=next')
  acme.ca.now += 1000
  expect(await estIssuer()).toBe('CN=next')
})

test('a call for renewal reaches those of the old authority through renewal information', async () => {
  const { certificates } = (await acme.ca.call('/v1/certificates?authority=intermediate')).json
  const { serialNumber } = certificates[0]
  const row = (await acme.ca.service.store.read.certificate(serialNumber))!
  const information = () =>
    acme.ca.call(`/acme/renewal-info/${certId(encodePem('CERTIFICATE', row.der))}`, { as: null })
  const start = async () => Date.parse((await information()).json.suggestedWindow.start)
  expect(await start()).toBeGreaterThan(acme.ca.now + DAY * 1000)
  const call = await acme.ca.call('/v1/renewal-calls', { body: { authority: 'intermediate', within: '1h' } })
  expect(call.status, call.text).toBe(201)
  expect(await start()).toBeLessThanOrEqual(acme.ca.now)
})

test('an ACME client gets the way up that its profile names first, and the others as alternates', async () => {
  const old = await ownRoot(acme.ca)
  const { root, certificate, crl } = await secondRoot(acme.ca)
  await installRoots(acme.ca, certificate, crl, await crossed(acme.ca, root, old))
  await newAuthority(acme.ca, 'third', { replaces: 'next', root })
  await activate('third')
  const [oldName, newName] = [old, root].map((one) => new X509Certificate(one.certificate.der).subject)
  const ways: Record<string, string[]> = {}
  for (const profile of ['server', 'bridged']) {
    const order = await client.newOrder(['localhost'], { profile })
    expect(order.status, order.text).toBe(201)
    const url = await finalized(order)
    const chain = await client.download(url)
    ways[profile] = [issuers(chain.text).at(-1)!]
    const alternate = /<([^>]+)>;rel="alternate"/.exec(String(chain.headers.link))![1]!
    ways[profile].push(issuers((await client.download(alternate)).text).at(-1)!)
  }
  expect(ways).toEqual({ server: [newName, oldName], bridged: [oldName, newName] })
})

test('by what cacerts has beside roots, openssl proves the new authority with either root alone', async () => {
  const { body } = await acme.ca.call('/.well-known/est/cacerts', { as: null })
  const all = certificatesOf(body)
  const roots = all.filter((one) => one.subject === one.issuer).map(String)
  expect(roots).toHaveLength(2)
  // The line of docs/est.md: a root that is not trusted would be the end of the chain for OpenSSL.
  const betweenOnly = "awk '/^subject=/ { s = substr($0, 9) } /^issuer=/ { k = substr($0, 8) != s } k'"
  expect(readFileSync(new URL('../../docs/est.md', import.meta.url), 'utf8')).toContain(betweenOnly)
  for (const root of roots) {
    const script = `openssl pkcs7 -inform DER -in all.p7b -print_certs | ${betweenOnly} > cacerts.pem
      openssl verify -no_check_time -x509_strict -CAfile root.pem -untrusted cacerts.pem third.pem`
    const files = {
      'all.p7b': Buffer.from(body.toString(), 'base64'),
      'root.pem': root,
      'third.pem': String(all.find(({ subject }) => subject === 'CN=third')),
    }
    expect(runTool('sh', ['-ec', script], files)).toContain('third.pem: OK')
  }
})

test('cacerts of EST has the chains of before and of what is staged, until those answer no more', async () => {
  await newAuthority(acme.ca, 'fourth', { replaces: 'third' })
  const { authorities } = (await acme.ca.call('/v1/authorities')).json
  const first = authorities.find(({ id }: { id: string }) => id === 'intermediate')
  const known = async (subject: string) => {
    const { body } = await acme.ca.call('/.well-known/est/cacerts', { as: null })
    return certificatesOf(body).some((one) => one.subject === subject)
  }
  for (const subject of ['CN=third', 'CN=fourth', 'CN=next', first.subject])
    expect(await known(subject), subject).toBe(true)
  acme.ca.now = Date.parse(first.answersUntil)
  expect(await known(first.subject)).toBe(false)
  expect(await known('CN=third')).toBe(true)
})

test('and, where a label names no authority, of those that were the default', async () => {
  const { subject } = (await newAuthority(acme.ca, 'other')).json
  const choose = (id: string) =>
    acme.ca.call(`/v1/authorities/${id}`, { method: 'PATCH', body: { isDefault: true } })
  expect((await choose('other')).status).toBe(200)
  acme.ca.now += 1000
  const issuer = await estIssuer()
  expect(issuer).toBe(subject)
  expect((await choose('third')).status).toBe(200)
  const { body } = await acme.ca.call('/.well-known/est/cacerts', { as: null })
  expect(certificatesOf(body).map((one) => one.subject)).toContain(issuer)
})

test('cacerts leaves out what has expired, for which libest refuses all the others', async () => {
  const known = async () => {
    const { body } = await acme.ca.call('/.well-known/est/cacerts', { as: null })
    return certificatesOf(body).map((one) => one.subject)
  }
  await newAuthority(acme.ca, 'short', { validity: 30 * DAY })
  expect(await known()).toContain('CN=short')
  acme.ca.now += 31 * DAY * 1000
  expect(await known()).not.toContain('CN=short')
  expect(await known()).toContain('CN=third')
})
