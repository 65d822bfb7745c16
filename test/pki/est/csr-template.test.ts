import { createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { extendedKeyUsage, keyUsage } from '../../../src/pki/certificate/extensions.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import { contextPrimitive, sequence, TAG } from '../../../src/pki/der/write.ts'
import { encodeCsrAttributes } from '../../../src/pki/est/csr-attributes.ts'
import { encodeCsrTemplate, requestTemplate } from '../../../src/pki/est/csr-template.ts'
import type { CsrWish } from '../../../src/pki/est/csr-wish.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'

const NOTHING: CsrWish = { channelBinding: false, keyTypes: [], subject: [], extensions: [] }

/** The example of RFC 9908 3.4. */
const EXAMPLE: CsrWish = {
  channelBinding: false,
  keyTypes: ['P-256'],
  subject: [{ type: 'CN' }, { type: 'OU', value: 'myDept' }, { type: 'OU', value: 'myGroup' }],
  extensions: [
    {
      oid: '2.5.29.17',
      critical: false,
      value: sequence(
        contextPrimitive(2, Buffer.from('www.myServer.com')),
        contextPrimitive(7, Buffer.alloc(0)),
      ),
    },
    keyUsage(['digitalSignature', 'keyAgreement']),
    { ...extendedKeyUsage(['serverAuth']), value: null },
  ],
}

describe('requestTemplate', () => {
  it.skipIf(toolIsMissing('openssl'))('is the example of RFC 9908 section 3.4, as openssl reads it', () => {
    const printed = runTool('openssl', ['asn1parse', '-inform', 'DER', '-in', 'a'], {
      a: requestTemplate(EXAMPLE),
    })
    const lines = printed
      .trim()
      .split('\n')
      .map((line) =>
        line
          .replace(/^.*?d=(\d+).*?(?:cons|prim): (.*)$/, '$1 $2')
          .replace(/\s+/g, ' ')
          .trim(),
      )
    expect(lines).toEqual([
      '0 SEQUENCE',
      '1 INTEGER :00',
      '1 SEQUENCE',
      '2 SET',
      '3 SEQUENCE',
      '4 OBJECT :commonName',
      '2 SET',
      '3 SEQUENCE',
      '4 OBJECT :organizationalUnitName',
      '4 UTF8STRING :myDept',
      '2 SET',
      '3 SEQUENCE',
      '4 OBJECT :organizationalUnitName',
      '4 UTF8STRING :myGroup',
      '1 cont [ 0 ]',
      '2 SEQUENCE',
      '3 OBJECT :id-ecPublicKey',
      '3 OBJECT :prime256v1',
      '1 cont [ 1 ]',
      '2 SEQUENCE',
      '3 OBJECT :1.2.840.113549.1.9.16.2.62',
      '3 SET',
      '4 SEQUENCE',
      '5 SEQUENCE',
      '6 OBJECT :X509v3 Subject Alternative Name',
      '6 OCTET STRING [HEX DUMP]:301482107777772E6D795365727665722E636F6D8700',
      '5 SEQUENCE',
      '6 OBJECT :X509v3 Key Usage',
      '6 BOOLEAN :255',
      '6 OCTET STRING [HEX DUMP]:03020388',
      '5 SEQUENCE',
      '6 OBJECT :X509v3 Extended Key Usage',
    ])
  })

  it('has version and attributes alone where nothing is wished', () => {
    expect(requestTemplate(NOTHING).toString('hex')).toBe('3005020100a100')
  })

  it('uses extensionRequest where every extension has its value', () => {
    const template = requestTemplate({ ...NOTHING, extensions: [keyUsage(['digitalSignature'])] })
    expect(template.toString('hex')).toBe(
      '3026020100a121301f06092a864886f70d01090e31123010300e0603551d0f0101ff040403020780',
    )
  })

  it('tells the size of an RSA key by a public key that has it', () => {
    const reader = new DerReader(requestTemplate({ ...NOTHING, keyTypes: ['RSA-3072'] }), 'template').enter()
    reader.smallInteger()
    const spki = sequence(reader.expect(0xa0).content)
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    expect(key.asymmetricKeyDetails).toMatchObject({ modulusLength: 3072, publicExponent: 65537n })
  })

  it.each([
    ['RSA of any size', ['RSA-2048', 'RSA-3072'], '3016020100a00f300d06092a864886f70d0101010500a100'],
    ['Ed25519', ['Ed25519'], '300e020100a007300506032b6570a100'],
    ['several curves, which no identifier can name', ['P-256', 'P-384'], '3005020100a100'],
    ['several algorithms', ['P-256', 'Ed25519'], '3005020100a100'],
  ] as const)('says of keys what can be said: %s', (_, keyTypes, expected) => {
    expect(requestTemplate({ ...NOTHING, keyTypes }).toString('hex')).toBe(expected)
  })
})

describe('encodeCsrTemplate', () => {
  it('stands behind what the older form can say', () => {
    const wish = { ...EXAMPLE, channelBinding: true }
    const reader = new DerReader(encodeCsrTemplate(wish), 'CSR attributes').enter()
    const older: Buffer[] = []
    let last = reader.next()
    while (!reader.done) {
      older.push(last.bytes)
      last = reader.next()
    }
    expect(sequence(...older).equals(encodeCsrAttributes(wish))).toBe(true)
    const attribute = reader.into(last)
    expect(attribute.oid()).toBe('1.2.840.113549.1.9.16.2.61')
    expect(attribute.expect(TAG.set).content.equals(requestTemplate(wish))).toBe(true)
  })
})
