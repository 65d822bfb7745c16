import 'reflect-metadata'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import * as peculiar from '@peculiar/x509'
import { describe, expect, it } from 'vitest'
import {
  authorityInformationAccess,
  certificatePolicies,
  crlDistributionPoints,
  nameConstraints,
  noRevAvail,
  tlsFeature,
} from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { nameToText } from '../../../src/pki/distinguished-name.ts'
import {
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  signatureAlgorithm,
} from '../../../src/pki/keys/algorithms.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'
import { type KeyPair, makeLeaf, makeRoot, newKeyPair } from './sample.ts'

function keysFor(algorithm: SignatureAlgorithm): KeyPair {
  if (algorithm.family === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  if (algorithm.family === 'ed25519') return generateKeyPairSync('ed25519')
  const curve = { sha256: 'P-256', sha384: 'P-384', sha512: 'P-521' }[algorithm.hash ?? 'sha256']
  return generateKeyPairSync('ec', { namedCurve: curve })
}

const chains = SIGNATURE_ALGORITHMS.map((algorithm) => {
  const keys = keysFor(algorithm)
  return { name: algorithm.name, keys, root: makeRoot(keys, algorithm), leaf: makeLeaf(keys, algorithm) }
})

describe.each(chains)('certificates signed with $name', ({ keys, root, leaf }) => {
  it('are read and verified by node:crypto', () => {
    const [issuer, subject] = [new X509Certificate(root), new X509Certificate(leaf)]
    expect(issuer.verify(keys.publicKey) && subject.verify(keys.publicKey)).toBe(true)
    expect(subject.checkIssued(issuer)).toBe(true)
    expect(subject.checkHost('web.example.test')).toBe('web.example.test')
    expect(subject.checkIP('2001:db8:0:0::1')).toBe('2001:db8:0:0::1')
    expect([issuer.ca, subject.ca]).toEqual([true, false])
    expect(issuer.validToDate).toEqual(new Date(parseCertificate(root).notAfter * 1000))
  })

  it('are read and verified by @peculiar/x509', async () => {
    const [issuer, subject] = [new peculiar.X509Certificate(root), new peculiar.X509Certificate(leaf)]
    const date = new Date(Date.UTC(2030, 0, 1))
    expect(await issuer.verify({ date })).toBe(true)
    expect(await subject.verify({ date, publicKey: issuer })).toBe(true)
    expect(subject.getExtension(peculiar.BasicConstraintsExtension)?.ca).toBe(false)
  })

  it.skipIf(toolIsMissing('openssl'))('are verified by openssl, strictly', () => {
    const files = { 'root.pem': encodePem('CERTIFICATE', root), 'leaf.pem': encodePem('CERTIFICATE', leaf) }
    const flags = [
      '-x509_strict',
      '-check_ss_sig',
      '-purpose',
      'sslserver',
      '-attime',
      `${Date.UTC(2030, 0, 1) / 1000}`,
    ]
    const verified = runTool('openssl', ['verify', ...flags, '-CAfile', 'root.pem', 'leaf.pem'], files)
    expect(verified).toMatch(/: OK/)
  })
})

describe.skipIf(toolIsMissing('openssl'))('openssl', () => {
  const keys = newKeyPair()

  it('prints every extension as it was meant', () => {
    const leaf = makeLeaf(keys, signatureAlgorithm('ec', 'sha256'), [
      crlDistributionPoints(['http://ca.example.test/crl/a.crl', 'http://ca2.example.test/crl/a.crl']),
      authorityInformationAccess({
        ocsp: ['http://ca.example.test/ocsp'],
        caIssuers: ['http://ca.example.test/a.crt'],
      }),
      certificatePolicies(['2.23.140.1.2.1']),
      tlsFeature([5]),
      noRevAvail(),
    ])
    const text = runTool('openssl', ['x509', '-noout', '-text', '-in', 'leaf.pem'], {
      'leaf.pem': encodePem('CERTIFICATE', leaf),
    })
    const flat = text.replace(/\s+/g, ' ')
    for (const expected of [
      'Version: 3 (0x2)',
      'X509v3 Basic Constraints: critical CA:FALSE',
      'X509v3 Key Usage: critical Digital Signature',
      'X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication',
      'X509v3 Subject Alternative Name: critical DNS:web.example.test, IP Address:2001:DB8:0:0:0:0:0:1',
      'Full Name: URI:http://ca.example.test/crl/a.crl URI:http://ca2.example.test/crl/a.crl',
      'Authority Information Access: OCSP - URI:http://ca.example.test/ocsp CA Issuers - URI:http://ca.example.test/a.crt',
      'Policy: 2.23.140.1.2.1',
      'TLS Feature: status_request',
      'Not After : Jan 1 00:00:00 2051 GMT',
    ]) {
      expect(flat).toContain(expected)
    }
  })

  it('enforces our name constraints', () => {
    const root = makeRoot(keys, signatureAlgorithm('ec', 'sha256'), [
      nameConstraints({
        permitted: { dns: ['example.test'], ip: ['2001:db8::/32'] },
        excluded: { dns: ['bad.example.test'] },
      }),
    ])
    const verify = (dns: string, ip: string) => {
      const leaf = makeLeaf(
        keys,
        undefined,
        [],
        [
          { type: 'dns', value: dns },
          { type: 'ip', value: ip },
        ],
      )
      const files = { 'root.pem': encodePem('CERTIFICATE', root), 'leaf.pem': encodePem('CERTIFICATE', leaf) }
      const at = ['-attime', `${Date.UTC(2030, 0, 1) / 1000}`]
      return runTool('openssl', ['verify', ...at, '-CAfile', 'root.pem', 'leaf.pem'], files)
    }
    expect(verify('web.example.test', '2001:db8::7')).toMatch(/: OK/)
    expect(() => verify('web.example.org', '2001:db8::7')).toThrow(/permitted subtree violation/)
    expect(() => verify('x.bad.example.test', '2001:db8::7')).toThrow(/excluded subtree violation/)
    expect(() => verify('web.example.test', '2001:db9::7')).toThrow(/permitted subtree violation/)
  })

  it('makes certificates that we read', () => {
    const subject = ['-subj', '/C=DE/O=Example, "Inc."/CN=Grüße', '-utf8']
    const command = [
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-days',
      '30',
      ...subject,
    ]
    const pem = runTool('openssl', command)
    const theirs = new X509Certificate(pem)
    const info = parseCertificate(theirs.raw)
    expect(info.serialNumber).toBe(theirs.serialNumber.toLowerCase())
    expect(info.notBefore * 1000).toBe(theirs.validFromDate.getTime())
    expect(info.subjectKeyIdentifier?.equals(info.authorityKeyIdentifier!)).toBe(true)
    expect(nameToText(info.subject)).toBe('CN=Grüße,O=Example\\, \\"Inc.\\",C=DE')
  })
})
