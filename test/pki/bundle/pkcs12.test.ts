import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { trustStore } from '../../../src/pki/bundle/pkcs12.ts'
import { makeRoot, newKeyPair } from '../certificate/sample.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'

const roots = [makeRoot(newKeyPair()), makeRoot(newKeyPair())]
const entries = [
  { alias: 'Example Root 2026', certificate: roots[0]! },
  { alias: 'würzburg', certificate: roots[1]! },
]
// Longer than a block of the derivation, with what shells and parsers like to take apart.
const PASSWORDS = ['changeit', 'p', ` "$'\\ ~${'long'.repeat(20)}`]

const fingerprint = (der: Buffer) => new X509Certificate(der).fingerprint256

describe.each(PASSWORDS)('trustStore with the password %j', (password) => {
  const listed = ['-storetype', 'PKCS12', '-keystore', 'trust.p12', '-storepass:file', 'password']

  it.skipIf(toolIsMissing('keytool'))('is listed by Java as trusted certificates', async () => {
    const files = { 'trust.p12': await trustStore(entries, password), password }
    const printed = runTool('keytool', ['-J-Dfile.encoding=UTF-8', '-list', ...listed], files)
    expect(printed).toContain('Your keystore contains 2 entries')
    expect(printed.match(/trustedCertEntry/g)).toHaveLength(2)
    for (const alias of ['example root 2026, ', 'würzburg, ']) expect(printed).toContain(alias)
    for (const root of roots) expect(printed).toContain(fingerprint(root))
  })

  it.skipIf(toolIsMissing('openssl'))('is read by openssl, integrity check and all', async () => {
    const files = { 'trust.p12': await trustStore(entries, password) }
    const args = ['pkcs12', '-info', '-nokeys', '-in', 'trust.p12', '-passin', `pass:${password}`]
    const printed = runTool('openssl', args, files)
    const certificates = printed.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    expect(certificates.map((pem) => new X509Certificate(pem).raw)).toEqual(roots)
    expect(printed).toContain('friendlyName: Example Root 2026')
    // Oracle's TrustedKeyUsage, which openssl knows by number alone.
    expect(printed.match(/2\.16\.840\.1\.113894\.746875\.1\.1: /g)).toHaveLength(2)
  })

  it.skipIf(toolIsMissing('openssl'))('is not opened with another password', async () => {
    const store = await trustStore(entries, password)
    const args = ['pkcs12', '-nokeys', '-in', 'trust.p12', '-passin', 'pass:another']
    expect(() => runTool('openssl', args, { 'trust.p12': store })).toThrow(/invalid password/)
  })
})

describe('trustStore', () => {
  it.skipIf(toolIsMissing('keytool'))('can be empty', async () => {
    const files = { 'trust.p12': await trustStore([], 'changeit') }
    const printed = runTool(
      'keytool',
      ['-list', '-storetype', 'PKCS12', '-keystore', 'trust.p12', '-storepass', 'changeit'],
      files,
    )
    expect(printed).toContain('Your keystore contains 0 entries')
  })

  it.each(['', 'pässword', 'a\nb', 'x'.repeat(129)])('refuses the password %j', async (password) => {
    await expect(trustStore(entries, password)).rejects.toThrow(
      expect.objectContaining({ code: 'malformedRequest' }),
    )
  })

  it('refuses aliases that Java takes for the same', async () => {
    const twice = [entries[0]!, { ...entries[1]!, alias: 'EXAMPLE root 2026' }]
    await expect(trustStore(twice, 'changeit')).rejects.toThrow(RangeError)
  })
})
