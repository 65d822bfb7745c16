import type { KeyObject } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decodePem } from '../../../src/pki/pem.ts'
import { DAY } from '../ca-fixture.ts'
import { csrDer, csrPem, newKey } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { AcmeClient } from './client.ts'
import { accountKey, base64url } from './jws.ts'

let acme: AcmeCa
let client: AcmeClient
let key: KeyObject
let der: Buffer
beforeAll(async () => {
  acme = await AcmeCa.create()
})
beforeEach(async () => {
  client = await acme.client()
  key = newKey()
  der = await obtain(client)
})
afterAll(() => acme.close())

async function obtain(one: AcmeClient, names = ['localhost']): Promise<Buffer> {
  const csr = csrDer(
    names.map((name) => `dns:${name}`),
    { key },
  )
  const { text } = await one.obtain(names, csr, acme.solve)
  return decodePem(text, 'chain')[0]!.der
}

const byKey = (privateKey: KeyObject) => ({ identify: 'jwk', key: accountKey('ES256', privateKey) }) as const
const revoked = async () =>
  (await acme.ca.certificates()).find((row) => row.der.equals(der))?.revocation?.reason

describe('revokeCert (RFC 8555 7.6)', () => {
  test.each([undefined, null, 0, 1, 3, 4, 5, 9])('takes the reason %s, and says it', async (reason) => {
    const reply = await client.revoke(der, { reason })
    expect({ status: reply.status, text: reply.text }).toEqual({ status: 200, text: '' })
    expect(await revoked()).toBe(reason ?? 0)
  })

  test.each([2, 6, 7, 8, 10, 11, -1, 1.5, '1', true, [], {}])('takes no reason %j', async (reason) => {
    await acme.refuses(() => client.revoke(der, { reason }), 400, 'badRevocationReason')
  })

  test('takes no reason without an end', async () => {
    const { revokeCert } = await client.directory()
    const deep = `${'['.repeat(45_000)}${']'.repeat(45_000)}`
    const payload = `{"certificate":"${base64url(der)}","reason":${deep}}`
    await acme.refuses(() => client.post(revokeCert, payload), 400, 'badRevocationReason')
  })

  test('looks no further than the first name that an account has not proven', async () => {
    const { read } = acme.ca.service.store
    const proof = { identifier: 'dns:other.test', wildcard: false, subdomains: false }
    const next = {
      get any(): never {
        throw new Error('looked at')
      },
    }
    const accountId = Number(client.kid!.split('/').at(-1))
    expect(await read.areAcmeIdentifiersAuthorized(accountId, [{ any: [proof] }, next], ['http-01'], 0)).toBe(
      false,
    )
  })

  test('revokes once', async () => {
    expect((await client.revoke(der)).status).toBe(200)
    await acme.refuses(() => client.revoke(der), 400, 'alreadyRevoked')
    await acme.refuses(() => client.revoke(der, {}, byKey(key)), 400, 'alreadyRevoked')
  })

  test('of many at once revokes once', async () => {
    const replies = await Promise.all(Array.from({ length: 8 }, () => client.revoke(der)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await acme.ca.audit('certificate.revoke')).not.toHaveLength(0)
  })

  test('revokes what was issued here alone', async () => {
    const { root } = { root: decodePem(acme.ca.rootPem, 'root')[0]!.der }
    const changed = Buffer.from(der)
    changed[changed.length - 5]! ^= 1
    for (const foreign of [root, changed]) {
      await acme.refuses(() => client.revoke(foreign), 404, 'malformed', /not issued here/)
    }
  })

  test.each([
    ['garbage', () => base64url('garbage')],
    ['PEM', () => base64url(`-----BEGIN CERTIFICATE-----\n${der.toString('base64')}`)],
    ['padded wrongly', () => `${base64url(der)}===`],
    ['cut short', () => base64url(der.subarray(0, -1))],
    ['nothing', () => ''],
    ['a number', () => 7],
    ['absent', () => undefined],
  ])('of what is %s is malformed', async (_, given) => {
    const { revokeCert } = await client.directory()
    await acme.refuses(() => client.post(revokeCert, { certificate: given() }), 400, 'malformed')
  })

  test('needs the certificate’s own key, where it is a key that asks', async () => {
    await acme.refuses(() => client.revoke(der, {}, byKey(newKey())), 403, 'unauthorized')
    // The account's key is no certificate's, whatever the account may do.
    await acme.refuses(() => client.revoke(der, {}, { identify: 'jwk' }), 403, 'unauthorized')
    expect((await client.revoke(der, { reason: 1 }, byKey(key))).status).toBe(200)
    expect(await revoked()).toBe(1)
  })

  test('by the certificate’s key needs no account', async () => {
    const stranger = acme.stranger()
    expect((await stranger.revoke(der, {}, byKey(key))).status).toBe(200)
  })

  test('needs an account that ordered it, or that has proven all of its names', async () => {
    const other = await acme.client()
    await acme.refuses(() => other.revoke(der), 403, 'unauthorized')
    const both = decodePem(
      (
        await client.obtain(
          ['localhost', { type: 'ip', value: '127.0.0.1' }],
          csrDer(['dns:localhost', 'ip:127.0.0.1']),
          acme.solve,
        )
      ).text,
      'chain',
    )[0]!.der
    await obtain(other)
    await acme.refuses(() => other.revoke(both), 403, 'unauthorized')
    expect((await other.revoke(der)).status).toBe(200)
  })

  test('needs a proof that still counts', async () => {
    const other = await acme.client()
    await obtain(other)
    const order = await other.newOrder(['localhost'])
    await other.post(order.json.authorizations[0], { status: 'deactivated' })
    await acme.refuses(() => other.revoke(der), 403, 'unauthorized')
  })

  test('of a certificate from another way of enrolment needs the same', async () => {
    const issued = await acme.ca.enrol(csrPem(['dns:localhost', 'dns:other.test']))
    const row = await acme.ca.service.store.read.certificate(issued.serialNumber)
    await acme.refuses(() => client.revoke(row!.der), 403, 'unauthorized')
  })

  test('of what has expired is refused', async () => {
    acme.ca.now += 400 * DAY * 1000
    client.forgetNonces()
    await acme.refuses(() => client.revoke(der), 403, 'unauthorized', /expired/)
    await acme.refuses(() => client.revoke(der, {}, byKey(key)), 403, 'unauthorized', /expired/)
    acme.ca.now -= 400 * DAY * 1000
  })
})
