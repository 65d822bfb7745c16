import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as asn from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as ours from '../../../src/pki/certificate/extensions.ts'
import { KEY_USAGES } from '../../../src/pki/certificate/key-usage.ts'
import { parseTbs } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { newKeyPair, ROOT_NAME, spkiOf } from './sample.ts'

const spki = spkiOf(newKeyPair().publicKey)

/** Ours must be the library's bytes under this OID, and come through a certificate unchanged. */
function expectSame(extension: ours.Extension, id: string, critical: boolean, library: unknown): void {
  expect({ ...extension, value: extension.value.toString('hex') }).toEqual({
    oid: id,
    critical,
    value: Buffer.from(AsnConvert.serialize(library)).toString('hex'),
  })
  const tbs = encodeTbs({
    serialNumber: '01',
    signature: signatureAlgorithm('ec', 'sha256'),
    issuer: ROOT_NAME,
    subject: ROOT_NAME,
    notBefore: 0,
    notAfter: 1,
    spki,
    extensions: [extension],
  })
  expect(parseTbs(tbs).extensions).toEqual([extension])
}

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/)
const host = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'))
const url = host.map((name) => `http://${name}/path/x.crl`)
const oid = fc.array(fc.nat(2 ** 28), { minLength: 1, maxLength: 6 }).map((arcs) => `1.3.${arcs.join('.')}`)
const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'))
const location = (uniformResourceIdentifier: string) => new asn.GeneralName({ uniformResourceIdentifier })

describe('extensions are encoded as asn1-x509 encodes them', () => {
  it('basicConstraints', () => {
    expectSame(
      ours.basicConstraints({ ca: false }),
      asn.id_ce_basicConstraints,
      true,
      new asn.BasicConstraints(),
    )
    expectSame(
      ours.basicConstraints({ ca: true }),
      asn.id_ce_basicConstraints,
      true,
      new asn.BasicConstraints({ cA: true }),
    )
    fc.assert(
      fc.property(fc.nat(1000), (pathLength) => {
        const library = new asn.BasicConstraints({ cA: true, pathLenConstraint: pathLength })
        expectSame(ours.basicConstraints({ ca: true, pathLength }), asn.id_ce_basicConstraints, true, library)
      }),
    )
    expect(() => ours.basicConstraints({ ca: false, pathLength: 0 })).toThrow(RangeError)
  })

  it('keyUsage', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...KEY_USAGES], { minLength: 1 }), (usages) => {
        const flags = usages.reduce((sum, usage) => sum | asn.KeyUsageFlags[usage], 0)
        expectSame(ours.keyUsage(usages), asn.id_ce_keyUsage, true, new asn.KeyUsage(flags))
      }),
    )
    expect(() => ours.keyUsage([])).toThrow(RangeError)
  })

  it('extendedKeyUsage, by name and by OID', () => {
    const names = Object.entries(ours.EXTENDED_KEY_USAGES)
    const purpose = fc.oneof(
      fc.constantFrom(...names),
      oid.map((id) => [id, id] as const),
    )
    fc.assert(
      fc.property(fc.array(purpose, { minLength: 1, maxLength: 6 }), fc.boolean(), (purposes, critical) => {
        const library = new asn.ExtendedKeyUsage(purposes.map(([, id]) => id))
        const extension = ours.extendedKeyUsage(
          purposes.map(([name]) => name),
          critical,
        )
        expectSame(extension, asn.id_ce_extKeyUsage, critical, library)
      }),
    )
    expect(ours.EXTENDED_KEY_USAGES).toEqual({
      serverAuth: asn.id_kp_serverAuth,
      clientAuth: asn.id_kp_clientAuth,
      codeSigning: asn.id_kp_codeSigning,
      emailProtection: asn.id_kp_emailProtection,
      timeStamping: asn.id_kp_timeStamping,
      OCSPSigning: asn.id_kp_OCSPSigning,
    })
    expect(() => ours.extendedKeyUsage([])).toThrow(RangeError)
    expect(() => ours.extendedKeyUsage(['serverauth'])).toThrow(RangeError)
  })

  it('subjectAltName', () => {
    const name = fc.oneof(
      host.map((value) => ({ ours: { type: 'dns', value } as const, library: { dNSName: value } })),
      ipv4.map((value) => ({ ours: { type: 'ip', value } as const, library: { iPAddress: value } })),
      host.map((value) => ({
        ours: { type: 'email', value: `me@${value}` } as const,
        library: { rfc822Name: `me@${value}` },
      })),
      url.map((value) => ({
        ours: { type: 'uri', value } as const,
        library: { uniformResourceIdentifier: value },
      })),
    )
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 20 }), fc.boolean(), (names, critical) => {
        const library = new asn.SubjectAlternativeName(names.map((each) => new asn.GeneralName(each.library)))
        const extension = ours.subjectAltName(
          names.map((each) => each.ours),
          critical,
        )
        expectSame(extension, asn.id_ce_subjectAltName, critical, library)
      }),
    )
    expect(() => ours.subjectAltName([], true)).toThrow(RangeError)
  })

  it('key identifiers', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (id) => {
        const subject = new asn.SubjectKeyIdentifier(id)
        expectSame(ours.subjectKeyIdentifier(id), asn.id_ce_subjectKeyIdentifier, false, subject)
        const authority = new asn.AuthorityKeyIdentifier({ keyIdentifier: new asn.KeyIdentifier(id) })
        expectSame(ours.authorityKeyIdentifier(id), asn.id_ce_authorityKeyIdentifier, false, authority)
      }),
    )
  })

  it('crlDistributionPoints', () => {
    fc.assert(
      fc.property(fc.array(url, { minLength: 1, maxLength: 4 }), (urls) => {
        const distributionPoint = new asn.DistributionPointName({ fullName: urls.map(location) })
        const library = new asn.CRLDistributionPoints([new asn.DistributionPoint({ distributionPoint })])
        expectSame(ours.crlDistributionPoints(urls), asn.id_ce_cRLDistributionPoints, false, library)
      }),
    )
    expect(() => ours.crlDistributionPoints([])).toThrow(RangeError)
    expect(() => ours.crlDistributionPoints(['http://müller.test/'])).toThrow(RangeError)
  })

  it('authorityInformationAccess, OCSP first', () => {
    fc.assert(
      fc.property(
        fc.array(url, { minLength: 1, maxLength: 3 }),
        fc.array(url, { maxLength: 3 }),
        (ocsp, caIssuers) => {
          const library = new asn.AuthorityInfoAccessSyntax([
            ...ocsp.map(
              (at) =>
                new asn.AccessDescription({ accessMethod: asn.id_ad_ocsp, accessLocation: location(at) }),
            ),
            ...caIssuers.map(
              (at) =>
                new asn.AccessDescription({
                  accessMethod: asn.id_ad_caIssuers,
                  accessLocation: location(at),
                }),
            ),
          ])
          expectSame(
            ours.authorityInformationAccess({ caIssuers, ocsp }),
            asn.id_pe_authorityInfoAccess,
            false,
            library,
          )
        },
      ),
    )
    expect(() => ours.authorityInformationAccess({ ocsp: [], caIssuers: [] })).toThrow(RangeError)
  })

  it('certificatePolicies', () => {
    fc.assert(
      fc.property(fc.array(oid, { minLength: 1, maxLength: 5 }), (policies) => {
        const library = new asn.CertificatePolicies(
          policies.map((policyIdentifier) => new asn.PolicyInformation({ policyIdentifier })),
        )
        expectSame(ours.certificatePolicies(policies), asn.id_ce_certificatePolicies, false, library)
      }),
    )
    expect(() => ours.certificatePolicies([])).toThrow(RangeError)
  })

  it('nameConstraints', () => {
    const subtrees = fc.record({
      dns: fc.array(host, { maxLength: 3 }),
      ip: fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { maxLength: 3 }),
      email: fc.array(
        host.map((value) => `.${value}`),
        { maxLength: 3 },
      ),
      uri: fc.array(host, { maxLength: 3 }),
    })
    type Subtrees = typeof subtrees extends fc.Arbitrary<infer T> ? T : never
    const library = ({ dns, ip, email, uri }: Subtrees) => {
      const bases = [
        ...dns.map((dNSName) => ({ dNSName })),
        ...ip.map(([a, b]) => ({ iPAddress: `${a}.${b}.0.0/16` })),
        ...email.map((rfc822Name) => ({ rfc822Name })),
        ...uri.map((uniformResourceIdentifier) => ({ uniformResourceIdentifier })),
      ]
      return new asn.GeneralSubtrees(
        bases.map((base) => new asn.GeneralSubtree({ base: new asn.GeneralName(base) })),
      )
    }
    const text = (given: Subtrees) => ({ ...given, ip: given.ip.map(([a, b]) => `${a}.${b}.0.0/16`) })
    fc.assert(
      fc.property(subtrees, subtrees, (permitted, excluded) => {
        const constraints = new asn.NameConstraints()
        const [first, second] = [library(permitted), library(excluded)]
        fc.pre(first.length + second.length > 0)
        if (first.length > 0) constraints.permittedSubtrees = first
        if (second.length > 0) constraints.excludedSubtrees = second
        const extension = ours.nameConstraints({ permitted: text(permitted), excluded: text(excluded) })
        expectSame(extension, asn.id_ce_nameConstraints, true, constraints)
      }),
    )
    expect(() => ours.nameConstraints({ permitted: { dns: [] } })).toThrow(RangeError)
  })

  it('those that the library does not know, against their definitions', () => {
    const hex = ({ oid: id, critical, value }: ours.Extension) => [id, critical, value.toString('hex')]
    expect(hex(ours.tlsFeature([5]))).toEqual(['1.3.6.1.5.5.7.1.24', false, '3003020105'])
    expect(hex(ours.tlsFeature([5, 17]))).toEqual(['1.3.6.1.5.5.7.1.24', false, '3006020105020111'])
    expect(hex(ours.noRevAvail())).toEqual(['2.5.29.56', false, '0500'])
    expect(hex(ours.ocspNoCheck())).toEqual(['1.3.6.1.5.5.7.48.1.5', false, '0500'])
    expect(() => ours.tlsFeature([])).toThrow(RangeError)
  })
})

it('the sequence of extensions is that of asn1-x509', () => {
  const list = [ours.basicConstraints({ ca: true }), ours.noRevAvail()]
  const library = new asn.Extensions(
    list.map(
      ({ oid: id, critical, value }) =>
        new asn.Extension({ extnID: id, critical, extnValue: new OctetString(value) }),
    ),
  )
  expect(ours.encodeExtensions(list).equals(Buffer.from(AsnConvert.serialize(library)))).toBe(true)
})
