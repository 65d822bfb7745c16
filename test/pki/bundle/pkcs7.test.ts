import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { certsOnly } from '../../../src/pki/bundle/pkcs7.ts'
import { makeLeaf, makeRoot, newKeyPair } from '../certificate/sample.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'

const keys = newKeyPair()
const certificates = [makeLeaf(keys), makeRoot(keys), makeLeaf(keys)]

describe('certsOnly', () => {
  it('is the same for any order of the certificates', () => {
    expect(certsOnly(certificates).equals(certsOnly(certificates.toReversed()))).toBe(true)
  })

  it.skipIf(toolIsMissing('openssl'))('of no certificate is read by openssl', () => {
    const args = ['pkcs7', '-inform', 'DER', '-print_certs', '-in', 'a.p7b']
    expect(runTool('openssl', args, { 'a.p7b': certsOnly([]) }).trim()).toBe('')
  })

  it.skipIf(toolIsMissing('openssl'))('is printed by openssl, every certificate whole', () => {
    const args = ['pkcs7', '-inform', 'DER', '-print_certs', '-in', 'a.p7b']
    const printed = runTool('openssl', args, { 'a.p7b': certsOnly(certificates) })
    const read = printed.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    const hex = (der: Buffer) => der.toString('hex')
    expect(read.map((pem) => hex(new X509Certificate(pem).raw)).sort()).toEqual(certificates.map(hex).sort())
  })

  it.skipIf(toolIsMissing('openssl'))('comes back from openssl unchanged', () => {
    const der = certsOnly(certificates)
    const cms = runTool('openssl', ['cms', '-cmsout', '-inform', 'DER', '-outform', 'PEM', '-in', 'a.p7b'], {
      'a.p7b': der,
    })
    const body = cms.replace(/-----[A-Z0-9 ]+-----/g, '')
    expect(Buffer.from(body, 'base64').equals(der)).toBe(true)
  })

  it.skipIf(toolIsMissing('keytool'))('is printed by keytool', () => {
    const printed = runTool('keytool', ['-printcert', '-file', 'a.p7b'], { 'a.p7b': certsOnly(certificates) })
    expect(printed.match(/Serial number:/g)).toHaveLength(certificates.length)
  })
})
