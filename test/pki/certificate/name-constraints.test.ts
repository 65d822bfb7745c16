import { describe, expect, it } from 'vitest'
import { nameConstraints } from '../../../src/pki/certificate/extensions.ts'
import { isOutside, readNameLimits } from '../../../src/pki/certificate/name-constraints.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { nameText, type SubjectName } from '../../../src/pki/names/san.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'
import { makeLeaf, makeRoot, newKeyPair } from './sample.ts'

const ECDSA = signatureAlgorithm('ec', 'sha256')

const CONSTRAINTS = {
  permitted: {
    dns: ['example.test'],
    ip: ['10.0.0.0/8', '2001:db8::/32'],
    email: ['mail.example.test', '.lists.example.test', 'Jo.Doe@Box.example.test'],
    uri: ['.example.test'],
  },
  excluded: { dns: ['secret.example.test'], ip: ['10.9.0.0/16'] },
} as const

const NAMES: readonly (readonly [SubjectName['type'], string, boolean])[] = [
  ['dns', 'example.test', false],
  ['dns', 'web.example.test', false],
  ['dns', '*.example.test', true], // could stand for secret.example.test
  ['dns', '*.web.example.test', false],
  ['dns', 'badexample.test', true],
  ['dns', 'example.test.evil.test', true],
  ['dns', 'secret.example.test', true],
  ['dns', 'very.secret.example.test', true],
  ['dns', 'notsecret.example.test', false],
  ['ip', '10.1.2.3', false],
  ['ip', '10.9.2.3', true],
  ['ip', '11.0.0.1', true],
  ['ip', '2001:db8::7', false],
  ['ip', '2001:db9::7', true],
  ['email', 'jo@mail.example.test', false],
  ['email', 'jo@example.test', true],
  ['email', 'jo@a.lists.example.test', false],
  ['email', 'jo@lists.example.test', true],
  ['email', 'Jo.Doe@box.example.test', false],
  ['email', 'jo.doe@box.example.test', true],
  ['email', 'Jo@box.example.test', true],
  ['uri', 'https://web.example.test/path', false],
  ['uri', 'https://example.test/', true],
  ['uri', 'https://web.example.test.evil.test/', true],
  ['uri', 'HTTPS://Web.example.test:8443/a:b', false],
  ['uri', 'https://web.example.test', false],
  // OpenSSL reads on for the host's end.
  ['uri', 'https://web.example.test?a=b', true],
  ['uri', 'https://web.example.test#a', true],
  ['uri', 'https://web.example.test/a:b', true],
]

describe('name constraints of an issuer', () => {
  const keys = newKeyPair()
  const root = makeRoot(keys, ECDSA, [nameConstraints(CONSTRAINTS)])
  const limits = readNameLimits(parseCertificate(root), 'badAuthorityCertificate')!

  it.each(NAMES)('%s:%s is outside: %s', (type, value, outside) => {
    expect(isOutside({ type, value }, limits)).toBe(outside)
  })

  // RFC 5280 4.2.1.10: a URI without a host name is refused under any URI constraint. OpenSSL lets addresses pass.
  it.each(['urn:x:y', 'https://10.0.0.1/', 'https://[2001:db8::1]/', 'foo:a'])(
    '%s is outside where URIs are constrained in any way',
    (value) => {
      const excluding = makeRoot(keys, ECDSA, [
        nameConstraints({ permitted: {}, excluded: { uri: ['evil.test'] } }),
      ])
      for (const der of [root, excluding]) {
        const read = readNameLimits(parseCertificate(der), 'badAuthorityCertificate')!
        expect(isOutside({ type: 'uri', value }, read)).toBe(true)
      }
      const dnsAlone = makeRoot(keys, ECDSA, [
        nameConstraints({ permitted: { dns: ['a.test'] }, excluded: {} }),
      ])
      const read = readNameLimits(parseCertificate(dnsAlone), 'badAuthorityCertificate')!
      expect(isOutside({ type: 'uri', value }, read)).toBe(false)
    },
  )

  // Go 1.26 refuses what lies below an excluded host, and Java an excluded mailbox in any case.
  it.each([
    ['email', 'jo@below.evil.test', true],
    ['email', 'jo@evil.test', true],
    ['email', 'jo@notevil.test', false],
    ['email', 'jo.doe@box.test', true],
    ['email', 'jo@box.test', false],
    ['uri', 'https://below.evil.test/', true],
    ['uri', 'https://evil.test/a:b', true],
    ['uri', 'https://notevil.test/', false],
    ['uri', 'https://notevil.test/a:b', false],
  ] as const)('what some take for excluded is outside: %s:%s %s', (type, value, outside) => {
    const excluded = { email: ['evil.test', 'Jo.Doe@box.test'], uri: ['evil.test'] }
    const root = makeRoot(keys, ECDSA, [nameConstraints({ permitted: {}, excluded })])
    const read = readNameLimits(parseCertificate(root), 'badAuthorityCertificate')!
    expect(isOutside({ type, value }, read)).toBe(outside)
  })

  it('are absent from a certificate without them', () => {
    expect(readNameLimits(parseCertificate(makeRoot(keys)), 'badAuthorityCertificate')).toBeNull()
  })

  // Ours refuses a wildcard that could stand for an excluded name; OpenSSL compares the text alone.
  it.skipIf(toolIsMissing('openssl')).each(NAMES.filter(([, value]) => value !== '*.example.test'))(
    'openssl judges %s:%s alike',
    (type, value, outside) => {
      const leaf = makeLeaf(keys, ECDSA, [], [{ type, value }])
      const files = { 'root.pem': encodePem('CERTIFICATE', root), 'leaf.pem': encodePem('CERTIFICATE', leaf) }
      const verify = () => runTool('openssl', ['verify', '-CAfile', 'root.pem', 'leaf.pem'], files)
      if (outside) expect(verify, nameText({ type, value })).toThrow(/subtree violation/)
      else expect(verify()).toContain('OK')
    },
  )
})
