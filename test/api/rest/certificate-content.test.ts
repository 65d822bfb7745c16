import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import {
  AuthorityInfoAccessExtension,
  BasicConstraintsExtension,
  CertificatePolicyExtension,
  CRLDistributionPointsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as LibraryCertificate,
} from '@peculiar/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boolean, NULL, octetString, sequence, utf8String } from '../../../src/pki/der/write.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { buildCsr, commonName, dnsNames, extension, nameOf, requesting } from '../../pki/csr/building.ts'
import { DAY, expectProblem, PUBLIC_URL, TestCa } from '../ca-fixture.ts'
import { csrPem, newKey } from '../requests.ts'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const SAN = '2.5.29.17'
const NO_REV_AVAIL = '2.5.29.56'
const TLS_FEATURE = '1.3.6.1.5.5.7.1.24'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      profiles: {
        staple: {
          extends: 'server',
          mustStaple: true,
          policies: ['2.23.140.1.2.1', '1.2.3.4'],
          subject: { country: 'DE', organization: 'Müller & Söhne' },
        },
        bare: {
          extends: 'server',
          crlDistributionPoint: false,
          authorityInformation: false,
          commonName: 'none',
        },
        purposes: {
          extends: 'server',
          keyUsage: ['digitalSignature', 'nonRepudiation'],
          extendedKeyUsage: ['1.3.6.1.4.1.311.10.3.4'],
        },
        strict: {
          extends: 'server',
          extensions: 'refuse',
          commonName: 'refuse',
          names: { types: ['dns', 'ip', 'email'] },
        },
      },
    },
  })
})
afterAll(() => ca.close())

/** The certificate as two other implementations read it. */
async function issue(profile: string, csr: string) {
  const { certificate } = await ca.enrol(csr, { profile })
  const leaf = new LibraryCertificate(certificate)
  const get = <T>(type: new (...args: never[]) => T): T | null =>
    (leaf.getExtension(type as never) as T | null) ?? null
  const aia = get(AuthorityInfoAccessExtension)
  return {
    node: new X509Certificate(certificate),
    leaf,
    keyUsage: get(KeyUsagesExtension),
    extendedKeyUsage: get(ExtendedKeyUsageExtension),
    basicConstraints: get(BasicConstraintsExtension),
    policies: get(CertificatePolicyExtension)?.policies ?? [],
    crl:
      get(CRLDistributionPointsExtension)?.distributionPoints.flatMap(
        (point) => point.distributionPoint?.fullName?.map((name) => name.uniformResourceIdentifier) ?? [],
      ) ?? [],
    ocsp: aia?.ocsp.map(({ value }) => value) ?? [],
    caIssuers: aia?.caIssuers.map(({ value }) => value) ?? [],
    extensions: Object.fromEntries(leaf.extensions.map(({ type, critical }) => [type, critical])),
  }
}

const OCSP = `${PUBLIC_URL}/ocsp`
const CRL = `${PUBLIC_URL}/crl/intermediate.crl`
const ISSUER = `${PUBLIC_URL}/ca/intermediate.crt`

describe('each profile gives what it says', () => {
  test.for([
    { profile: 'server', name: 'dns:web.example.test', purposes: [SERVER_AUTH], days: 90, revocable: true },
    { profile: 'client', name: 'email:a@example.test', purposes: [CLIENT_AUTH], days: 90, revocable: true },
    {
      profile: 'peer',
      name: 'uri:https://peer.example.test/a',
      purposes: [SERVER_AUTH, CLIENT_AUTH],
      days: 90,
      revocable: true,
    },
    {
      profile: 'spiffe',
      name: 'uri:spiffe://example.test/ns/web/sa/api',
      purposes: [SERVER_AUTH, CLIENT_AUTH],
      days: 1 / 24,
      revocable: true,
    },
    {
      profile: 'short-lived',
      name: 'ip:192.0.2.1',
      purposes: [SERVER_AUTH, CLIENT_AUTH],
      days: 1,
      revocable: false,
    },
  ])('$profile', async ({ profile, name, purposes, days, revocable }) => {
    const key = newKey()
    const made = await issue(profile, csrPem([name], { key }))
    expect(made.keyUsage).toMatchObject({ critical: true, usages: KeyUsageFlags.digitalSignature })
    expect(made.extendedKeyUsage).toMatchObject({ critical: false, usages: purposes })
    expect(made.basicConstraints).toMatchObject({ critical: true, ca: false, pathLength: undefined })
    expect(made.crl).toEqual(revocable ? [CRL] : [])
    expect(made.ocsp).toEqual(revocable ? [OCSP] : [])
    expect(made.caIssuers).toEqual([ISSUER])
    expect(NO_REV_AVAIL in made.extensions).toBe(!revocable)
    // RFC 5280 4.1.2.6: nothing in the subject, so the SAN is critical.
    expect(made.leaf.subject).toBe('')
    expect(made.extensions[SAN]).toBe(true)
    expect(made.node.validToDate.getTime() - ca.now).toBe(days * DAY * 1000)
    expect(ca.now - made.node.validFromDate.getTime()).toBe(60_000)
    expect(made.node.checkPrivateKey(key)).toBe(true)
    const type = name.slice(0, name.indexOf(':'))
    const label = { dns: 'DNS', email: 'email', uri: 'URI', ip: 'IP Address' }[type]
    expect(made.node.subjectAltName).toBe(`${label}:${name.slice(type.length + 1)}`)
  })

  test('identifiers chain to the issuer, and the subject’s is RFC 7093 method 1', async () => {
    const key = newKey()
    const { leaf } = await issue('server', csrPem(['dns:ids.example.test'], { key }))
    const authority = new LibraryCertificate(ca.issuerPem)
    const value = (certificate: LibraryCertificate, oid: string) =>
      Buffer.from(certificate.getExtension(oid)!.value)
    const point = new X509Certificate(Buffer.from(leaf.rawData)).publicKey
      .export({ type: 'spki', format: 'der' })
      .subarray(26)
    const wanted = createHash('sha256').update(point).digest().subarray(0, 20)
    expect(value(leaf, '2.5.29.14')).toEqual(octetString(wanted))
    expect(value(leaf, '2.5.29.35').subarray(4)).toEqual(value(authority, '2.5.29.14').subarray(2))
  })

  test('a profile of one’s own: must-staple, policies, fixed subject', async () => {
    const made = await issue('staple', csrPem(['dns:web.example.test'], { commonName: 'web.example.test' }))
    // RFC 7633: SEQUENCE of INTEGER 5.
    expect(Buffer.from(made.leaf.getExtension(TLS_FEATURE)!.value).toString('hex')).toBe('3003020105')
    expect(made.policies).toEqual(['2.23.140.1.2.1', '1.2.3.4'])
    expect(made.node.subject).toBe('C=DE\nO=Müller & Söhne\nCN=web.example.test')
    expect(made.extensions[SAN]).toBe(false)
    expect(made.extensions).not.toHaveProperty(NO_REV_AVAIL)
  })

  test('a profile without addresses names none, and one with other purposes has those alone', async () => {
    const bare = await issue('bare', csrPem(['dns:web.example.test'], { commonName: 'web.example.test' }))
    expect({ crl: bare.crl, ocsp: bare.ocsp, caIssuers: bare.caIssuers }).toEqual({
      crl: [],
      ocsp: [],
      caIssuers: [],
    })
    expect(bare.extensions).not.toHaveProperty('1.3.6.1.5.5.7.1.1')
    expect(bare.leaf.subject).toBe('')
    const purposes = await issue('purposes', csrPem(['dns:web.example.test']))
    expect(purposes.keyUsage?.usages).toBe(KeyUsageFlags.digitalSignature | KeyUsageFlags.nonRepudiation)
    expect(purposes.extendedKeyUsage?.usages).toEqual(['1.3.6.1.4.1.311.10.3.4'])
  })
})

describe('the common name', () => {
  test('stays if it is also a SAN, as UTF8String in lower case, and the SAN is then not critical', async () => {
    const made = await issue(
      'server',
      csrPem(['dns:a.example.test', 'dns:web.example.test'], { commonName: 'Web.Example.Test' }),
    )
    expect(made.node.subject).toBe('CN=web.example.test')
    expect(made.extensions[SAN]).toBe(false)
    expect(Buffer.from(made.leaf.rawData).includes(utf8String('web.example.test'))).toBe(true)
  })

  test.for([
    ['ip:2001:db8::1', '2001:DB8:0:0:0:0:0:1', 'CN=2001:db8::1'],
    ['email:Jo@example.test', 'Jo@Example.test', 'CN=Jo@example.test'],
  ] as const)('is also a SAN if it spells it otherwise: %s', async ([name, commonName, subject]) => {
    const csr = csrPem([name], { commonName })
    expect((await issue('strict', csr)).leaf.subject).toBe(subject)
  })

  test('of an address that no certificate can have is refused as any other', async () => {
    for (const commonName of ['fe80::1%eth0', '::ffff:192.0.2.1']) {
      const body = { csr: csrPem(['ip:fe80::1'], { commonName }), profile: 'strict' }
      expectProblem(await ca.call('/v1/certificates', { body }), 403, 'nameNotAllowed', /is not among/)
    }
  })

  test('is dropped if it is none, or refused, as the profile says', async () => {
    const csr = csrPem(['dns:web.example.test'], { commonName: 'Admin' })
    expect((await issue('server', csr)).leaf.subject).toBe('')
    const refused = await ca.call('/v1/certificates', { body: { csr, profile: 'strict' } })
    expectProblem(refused, 403, 'nameNotAllowed', /common name "Admin"/)
  })

  test('alone becomes the SAN, as DNS name or as address', async () => {
    const dns = await issue('server', csrPem([], { commonName: 'old.example.test' }))
    expect(dns.node.subjectAltName).toBe('DNS:old.example.test')
    const ip = await issue('server', csrPem([], { commonName: '192.0.2.9' }))
    expect(ip.node.subjectAltName).toBe('IP Address:192.0.2.9')
    const ipv6 = await issue('strict', csrPem([], { commonName: '2001:DB8:0:0:0:0:0:9' }))
    expect(ipv6.leaf.subject).toBe('CN=2001:db8::9')
    const neither = await ca.call('/v1/certificates', {
      body: { csr: csrPem([], { commonName: 'Our Web Server' }) },
    })
    expectProblem(neither, 400, 'badName', /white space/)
  })

  test('over 64 characters stands in the SAN alone', async () => {
    const name = `${'a'.repeat(60)}.example.test`
    const der = buildCsr({ key: newKey(), subject: commonName(name), attributes: requesting(dnsNames(name)) })
    const made = await issue('server', encodePem('CERTIFICATE REQUEST', der))
    expect(made.leaf.subject).toBe('')
    expect(made.node.subjectAltName).toBe(`DNS:${name}`)
  })

  test('and whatever else the subject of the CSR says is not certified', async () => {
    const key = newKey()
    const subject = nameOf(
      ['2.5.4.10', utf8String('Somebody Else Ltd')],
      ['2.5.4.3', utf8String('web.example.test')],
      ['1.2.840.113549.1.9.1', utf8String('root@example.test')],
    )
    const der = buildCsr({ key, subject, attributes: requesting(dnsNames('web.example.test')) })
    const made = await issue('server', encodePem('CERTIFICATE REQUEST', der))
    expect(made.node.subject).toBe('CN=web.example.test')
  })
})

describe('extensions that the CSR asks for', () => {
  const asking = () =>
    encodePem(
      'CERTIFICATE REQUEST',
      buildCsr({
        key: newKey(),
        subject: commonName('web.example.test'),
        attributes: requesting(
          dnsNames('web.example.test'),
          // A CA, with keyCertSign, for OCSP signing, and never to be revoked.
          extension('2.5.29.19', sequence(boolean(true)), true),
          extension('2.5.29.15', Buffer.from('03020106', 'hex'), true),
          extension('2.5.29.37', Buffer.from('300a06082b06010505070309', 'hex')),
          extension(NO_REV_AVAIL, NULL),
          extension('1.2.3.4', NULL, true),
        ),
      }),
    )

  test('are ignored', async () => {
    const made = await issue('server', asking())
    expect(made.basicConstraints?.ca).toBe(false)
    expect(made.keyUsage?.usages).toBe(KeyUsageFlags.digitalSignature)
    expect(made.extendedKeyUsage?.usages).toEqual([SERVER_AUTH])
    expect(made.extensions).not.toHaveProperty(NO_REV_AVAIL)
    expect(made.extensions).not.toHaveProperty('1.2.3.4')
  })

  test('or refused by name, as the profile says', async () => {
    const before = await ca.inventory()
    const refused = await ca.call('/v1/certificates', { body: { csr: asking(), profile: 'strict' } })
    expectProblem(
      refused,
      403,
      'extensionNotAllowed',
      /2\.5\.29\.19, 2\.5\.29\.15, 2\.5\.29\.37, 2\.5\.29\.56, 1\.2\.3\.4/,
    )
    expect(await ca.inventory()).toEqual(before)
  })
})
