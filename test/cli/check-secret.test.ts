import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkSecret } from '../../src/cli/check-secret.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { discoveryJson, type SecretContent } from '../../src/sds/secret.ts'
import { findSecret } from '../../src/sds/secret-source.ts'
import { TestCa } from '../api/ca-fixture.ts'
import { csrPem, newKey } from '../api/requests.ts'

const WEB = 'dns:web.example.test?key=/web.key'
const OTHER = 'dns:other.example.test?key=/web.key'

let ca: TestCa
let secrets: Record<string, SecretContent>
beforeAll(async () => {
  ca = await TestCa.create()
  await ca.listen()
  for (const name of ['web', 'other']) {
    await ca.enrol(csrPem([`dns:${name}.example.test`], { key: newKey() }), { profile: 'server' })
  }
  secrets = Object.fromEntries(
    await Promise.all(
      [WEB, OTHER, `${WEB}&staple=none`, 'roots', 'roots?crl=none'].map(async (name) => {
        const found = await findSecret(name, { kind: 'admin', id: 'admin:test' }, ca.service)
        return [name, JSON.parse(discoveryJson(found)).resources[0]]
      }),
    ),
  )
})
afterAll(() => ca.close())

const now = () => Math.floor(ca.now / 1000)
const refused = (content: SecretContent, name: string, at = now()) => {
  expect(() => checkSecret(content, name, at)).toThrow(/\w{3}/)
}

test('what the service gives is accepted, and is good for as long as its first part', () => {
  for (const [name, content] of Object.entries(secrets)) {
    const { goodUntil } = checkSecret(content, name, now())
    expect(goodUntil).toBeGreaterThan(now())
    expect(goodUntil).toBeLessThanOrEqual(now() + 86_400)
  }
})

describe('a certificate is refused', () => {
  const certificate = () => structuredClone(secrets[WEB]!.tls_certificate!)

  test('without the staple that was asked for', () => {
    refused(secrets[`${WEB}&staple=none`]!, WEB)
    const { ocsp_staple: _, ...rest } = certificate()
    refused({ name: WEB, tls_certificate: rest }, WEB)
  })

  test('with a staple that is broken, another’s, or late', () => {
    const staple = Buffer.from((certificate().ocsp_staple as { inline_bytes: string }).inline_bytes, 'base64')
    staple[staple.length - 1]! ^= 1
    const broken = { ...certificate(), ocsp_staple: { inline_bytes: staple.toString('base64') } }
    refused({ name: WEB, tls_certificate: broken }, WEB)
    const others = { ...certificate(), ocsp_staple: secrets[OTHER]!.tls_certificate!.ocsp_staple! }
    refused({ name: WEB, tls_certificate: others }, WEB)
    refused(secrets[WEB]!, WEB, now() + 30 * 86_400)
  })

  test('without its chain, or with trust in its place', () => {
    const [leaf] = decodePem(
      (certificate().certificate_chain as { inline_string: string }).inline_string,
      'chain',
    )
    const alone = {
      ...certificate(),
      certificate_chain: { inline_string: encodePem('CERTIFICATE', leaf!.der) },
    }
    refused({ name: WEB, tls_certificate: alone }, WEB)
    refused(secrets.roots!, WEB)
  })
})

describe('trust is refused', () => {
  const context = () => secrets.roots!.validation_context!

  test('without CRLs where they were not declined', () => {
    refused(secrets['roots?crl=none']!, 'roots')
    refused({ name: 'roots', validation_context: { ...context(), crl: { inline_string: '' } } }, 'roots')
    refused(secrets[WEB]!, 'roots')
  })

  test('with a CRL that is DER, another thing, or late', () => {
    const [first] = decodePem((context().crl as { inline_string: string }).inline_string, 'crl')
    for (const text of [
      first!.der.toString('latin1'),
      encodePem('CERTIFICATE', first!.der),
      encodePem('X509 CRL', first!.der.subarray(0, -1)),
    ]) {
      refused({ name: 'roots', validation_context: { ...context(), crl: { inline_string: text } } }, 'roots')
    }
    refused(secrets.roots!, 'roots', now() + 400 * 86_400)
  })

  test('without a root', () => {
    refused(
      { name: 'roots', validation_context: { ...context(), trusted_ca: { inline_string: '' } } },
      'roots',
    )
  })
})
