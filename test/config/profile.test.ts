import { describe, expect, test } from 'vitest'
import { buildConfig } from '../../src/config/config.ts'
import { parseOptions } from '../../src/config/load.ts'
import type { Profile } from '../../src/config/profile-schema.ts'
import { refusal } from './temporary.ts'

function profiles(yaml: string): Readonly<Record<string, Profile>> {
  return buildConfig({ dir: '/srv', file: parseOptions(`profiles:\n${yaml}`), environment: {} }).profiles
}

function profile(name: string, yaml = '  {}'): Profile {
  return profiles(yaml)[name]!
}

function fault(yaml: string): string {
  return refusal(() => profiles(yaml)).detail
}

const DAY = 86_400

describe('built-in profiles', () => {
  test('server', () => {
    expect(profile('server')).toEqual({
      name: 'server',
      description: 'A TLS server',
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['serverAuth'],
      validity: { default: 90 * DAY, maximum: 398 * DAY, backdate: 60 },
      keyTypes: ['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519'],
      names: {
        types: ['dns', 'ip'],
        required: [],
        maximum: 100,
        dns: { wildcards: false },
        ip: {},
        email: {},
        uri: { single: false },
      },
      commonName: 'san',
      subject: [],
      extensions: 'ignore',
      mustStaple: false,
      policies: [],
      crlDistributionPoint: true,
      authorityInformation: true,
      noRevocation: false,
      renewal: true,
      approval: 'none',
    })
  })

  test('spiffe takes exactly one SPIFFE ID, and no common name', () => {
    expect(profile('spiffe')).toMatchObject({
      names: {
        types: ['uri'],
        required: ['uri'],
        maximum: 1,
        uri: { patterns: ['spiffe://*/**'], single: true },
      },
      commonName: 'none',
      extendedKeyUsage: ['serverAuth', 'clientAuth'],
      validity: { default: 3600, maximum: DAY },
    })
  })

  test('short-lived names no way of revocation', () => {
    expect(profile('short-lived')).toMatchObject({
      noRevocation: true,
      crlDistributionPoint: false,
      mustStaple: false,
      validity: { default: DAY, maximum: 7 * DAY },
    })
  })

  test('none takes secp256k1 keys', () => {
    const all = Object.values(profiles('  {}'))
    expect(all).toHaveLength(5)
    for (const { keyTypes } of all) expect(keyTypes).not.toContain('secp256k1')
  })
})

describe('the file', () => {
  test('changes a built-in profile key by key', () => {
    const changed = profile(
      'server',
      '  server: {validity: {default: 1d}, names: {dns: {suffixes: [a.test]}}}',
    )
    expect(changed.validity).toEqual({ default: DAY, maximum: 398 * DAY, backdate: 60 })
    expect(changed.names.dns).toEqual({ suffixes: ['a.test'], wildcards: false })
    expect(changed.names.types).toEqual(['dns', 'ip'])
  })

  test('makes a profile that extends others, lists replaced and not joined', () => {
    const yaml = '  web: {extends: base, names: {types: [dns]}}\n  base: {extends: server, mustStaple: true}'
    const web = profile('web', yaml)
    expect(web).toMatchObject({ name: 'web', mustStaple: true, extendedKeyUsage: ['serverAuth'] })
    expect(web.names.types).toEqual(['dns'])
  })

  test('extending a changed built-in profile takes the change', () => {
    expect(profile('web', '  server: {renewal: false}\n  web: {extends: server}').renewal).toBe(false)
  })

  test('a built-in profile may extend itself: that is what it does anyhow', () => {
    expect(profile('server', '  server: {extends: server, renewal: false}').renewal).toBe(false)
  })

  test('makes a whole profile of its own, with the defaults of the table', () => {
    const yaml = `  code:
    keyUsage: [digitalSignature]
    extendedKeyUsage: [codeSigning, 1.3.6.1.4.1.311.10.3.13]
    validity: {default: 1y, maximum: 1y}
    keyTypes: [P-384]
    names: {types: [email]}
    subject: {organizationalUnit: Signing, organization: Example, country: CH}`
    expect(profile('code', yaml)).toMatchObject({
      names: { maximum: 100, required: [], dns: { wildcards: false } },
      validity: { backdate: 60 },
      commonName: 'san',
      subject: [
        { type: 'C', value: 'CH' },
        { type: 'O', value: 'Example' },
        { type: 'OU', value: 'Signing' },
      ],
    })
  })

  test('an incomplete profile is refused with exactly what it lacks', () => {
    expect(fault('  web: {keyUsage: [digitalSignature], names: {maximum: 3}}')).toBe(
      'Profile "web" lacks extendedKeyUsage, validity.default, validity.maximum, keyTypes, names.types: give them, or "extends: server".',
    )
  })
})

describe('contradictions', () => {
  test.each([
    ['validity: {default: 2d, maximum: 1d}', 'validity.default 2d above validity.maximum 1d'],
    ['noRevocation: true', 'needs crlDistributionPoint: false (RFC 9608'],
    ['noRevocation: true, crlDistributionPoint: false, mustStaple: true', 'mustStaple with noRevocation'],
    ['mustStaple: true, authorityInformation: false', 'needs authorityInformation: true'],
    ['extendedKeyUsage: [1.3.6.1.5.5.7.3.9]', 'OCSPSigning'],
    ['extendedKeyUsage: [OCSPSigning]', 'must be one of serverAuth'],
    ['keyUsage: [keyCertSign]', 'keyUsage[0] must be one of digitalSignature'],
    ['keyUsage: []', 'keyUsage must not be empty'],
    ['names: {required: [uri]}', 'requires a name of type uri'],
    ['names: {required: [dns, ip], maximum: 1}', 'more kinds of names'],
    ['names: {ip: {networks: [10.0.0.0/33]}}', '"10.0.0.0/33"'],
    ['names: {ip: {networks: [fd00::/129]}}', '"fd00::/129"'],
    ['names: {ip: {networks: [10.0.0/8]}}', '"10.0.0/8"'],
    ['names: {dns: {suffixes: [Example.test]}}', 'write it "example.test"'],
    ['names: {dns: {suffixes: [-a.test]}}', '"-a.test" in names.dns.suffixes'],
    ['names: {dns: {suffixes: []}}', 'names.dns.suffixes must not be empty'],
    ['names: {email: {domains: [EXAMPLE.test]}}', 'write it "example.test"'],
    ['names: {uri: {patterns: [no-scheme]}}', 'must be a URI pattern'],
    ['policies: [3.1]', 'must be an object identifier'],
    ['subject: {country: ch}', 'two capital letters'],
    ['subject: {organization: "Example\\n"}', 'The subject attribute O has a control character'],
    ['extends: servre', 'extends "servre", which does not exist; did you mean "server"?'],
    ['extends: wep', 'extends "wep", which does not exist.'],
    ['extends: web', 'extends itself: web -> web'],
    ['keyusage: []', 'did you mean "profiles.web.keyUsage"?'],
  ])('{%s}', (options, expected) => {
    const base = options.includes('extends') ? '' : 'extends: server, '
    expect(fault(`  web: {${base}${options}}`)).toContain(expected)
  })

  test('a single label is a suffix', () => {
    expect(
      profile('web', '  web: {extends: server, names: {dns: {suffixes: [internal]}}}').names.dns.suffixes,
    ).toEqual(['internal'])
  })

  test('a ring of extensions is refused', () => {
    expect(fault('  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}')).toContain('a -> b -> c -> a')
  })

  test('the service’s own names are reserved', () => {
    expect(fault('  chancery-tls: {extends: server}')).toContain('service’s own')
  })
})
