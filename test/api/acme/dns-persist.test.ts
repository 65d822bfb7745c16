import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Data, type DnsServer, startDnsServer } from '../../acme/validation/dns-server.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { AcmeClient, Challenge } from './client.ts'

const records: Data[] = []
let dns: DnsServer
let acme: AcmeCa
beforeAll(async () => {
  dns = await startDnsServer({ '_validation-persist.web.example.test': { TXT: () => records } })
  acme = await AcmeCa.create({
    challenges: ['dns-persist-01', 'dns-01'],
    caaIdentities: ['ca.example.test'],
    validation: { resolvers: [dns.address], patience: '0s' },
  })
})
afterAll(async () => {
  await acme.close()
  await dns.close()
})

/** What a client makes of the directory alone (draft-ietf-acme-dns-persist-02, 4.1), before it has ordered anything. */
async function hashedAccountUri(client: AcmeClient, name: string): Promise<string> {
  const { accountHashPrefix } = (await client.directory()).meta
  const hash = createHash('sha256').update(Buffer.of(name.length)).update(name)
  hash.update(client.key.thumbprint).update(client.kid!)
  return `${accountHashPrefix}sha-256/${hash.digest('base64url')}`
}

test('a record that stays proves its name, by what directory and challenge say', async () => {
  const client = await acme.client()
  const { meta } = await client.directory()
  expect(meta).toMatchObject({
    issuerDomainNames: ['ca.example.test'],
    accountHashPrefix: expect.stringMatching(/^https:\/\/.*\/acme\/account-hash\/$/),
  })
  records.push([`ca.example.test; accounturi=${await hashedAccountUri(client, 'web.example.test')}`])
  const order = await client.newOrder(['web.example.test'])
  const { json } = await client.authorization(order.json.authorizations[0])
  const challenge = json.challenges.find((one: Challenge) => one.type === 'dns-persist-01')
  expect(challenge).toEqual({
    type: 'dns-persist-01',
    url: expect.any(String),
    status: 'pending',
    issuerDomainNames: ['ca.example.test'],
  })
  await client.authorize(order, () => {}, 'dns-persist-01')
  const done = await client.finalize(order.json.finalize, csrDer(['dns:web.example.test']))
  expect(done.json.status, done.text).toBe('valid')

  // It speaks of that account alone.
  const other = await acme.client()
  const theirs = await other.newOrder(['web.example.test'])
  await other.authorize(theirs, () => {}, 'dns-persist-01')
  const failed = await other.postAsGet(String(theirs.headers.location))
  expect(failed.json).toMatchObject({
    status: 'invalid',
    error: { type: 'urn:ietf:params:acme:error:unauthorized' },
  })
})

test('clients of its drafts up to -01 prove a name by the account’s URL where that is allowed', async () => {
  records.length = 0
  const older = await AcmeCa.create({
    challenges: ['dns-persist-01'],
    caaIdentities: ['ca.example.test'],
    plainAccountUrls: true,
    validation: { resolvers: [dns.address], patience: '0s' },
  })
  try {
    const client = await older.client()
    const order = await client.newOrder(['web.example.test'])
    const { json } = await client.authorization(order.json.authorizations[0])
    // As lego and Caddy read it.
    const { 'issuer-domain-names': issuers, accounturi, ...rest } = json.challenges[0]
    expect(accounturi).toBe(client.kid)
    expect(issuers).toEqual(rest.issuerDomainNames)
    records.push([`${issuers[0]}; accounturi=${accounturi}`])
    await client.authorize(order, () => {}, 'dns-persist-01')
    expect((await client.postAsGet(String(order.headers.location))).json.status).toBe('ready')
    const other = await older.client()
    const theirs = await other.newOrder(['web.example.test'])
    await other.authorize(theirs, () => {}, 'dns-persist-01')
    expect((await other.postAsGet(String(theirs.headers.location))).json.status).toBe('invalid')
  } finally {
    await older.close()
  }
})
