import { describe, expect, it } from 'vitest'
import { extendedKeyUsage, keyUsage } from '../../../src/pki/certificate/extensions.ts'
import { context, ia5String, oid, sequence } from '../../../src/pki/der/write.ts'
import { encodeCsrAttributes } from '../../../src/pki/est/csr-attributes.ts'
import type { CsrWish } from '../../../src/pki/est/csr-wish.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'

const NOTHING: CsrWish = { channelBinding: false, keyTypes: [], subject: [], extensions: [] }

const encoded = (wish: Partial<CsrWish>) => encodeCsrAttributes({ ...NOTHING, ...wish })
const hex = (wish: Partial<CsrWish>) => encoded(wish).toString('hex')

/** otherName AcpNodeName of RFC 8994, as the example has it. */
const ACP_NAME = sequence(
  context(
    0,
    oid('1.3.6.1.5.5.7.8.10'),
    context(0, ia5String('rfc8994+fd739fc23c3440112233445500000000+@acp.example.com')),
  ),
)

describe('encodeCsrAttributes', () => {
  it.each([
    [
      '5.1, a subjectAltName with a given otherName',
      { extensions: [{ oid: '2.5.29.17', critical: true, value: ACP_NAME }] },
      'MGgwZgYJKoZIhvcNAQkOMVkwVzBVBgNVHREBAf8ESzBJoEcGCCsGAQUFBwgKoDsWOXJmYzg5OTQrZmQ3MzlmYzIzYzM0NDAx' +
        'MTIyMzM0NDU1MDAwMDAwMDArQGFjcC5leGFtcGxlLmNvbQ==',
    ],
    [
      '5.4, an RSA key of 4096 bits',
      { channelBinding: true, keyTypes: ['RSA-4096'] },
      'MCkGCSqGSIb3DQEJBzARBgkqhkiG9w0BAQExBAICEAAGCSqGSIb3DQEBCw==',
    ],
    [
      '5.5, a key on P-384 and a serial number in the subject',
      { channelBinding: true, keyTypes: ['P-384'], subject: [{ type: 'serialNumber' }] },
      'MC4GCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgNVBAUGCCqGSM49BAMD',
    ],
  ] satisfies [string, Partial<CsrWish>, string][])(
    'gives the octets of RFC 9908 section %s',
    (_, wish, expected) => {
      expect(encoded(wish).toString('base64')).toBe(expected)
    },
  )

  it('is an empty SEQUENCE where nothing is wished', () => {
    expect(hex({})).toBe('3000')
  })

  it('names only the algorithm where any of its keys would do', () => {
    expect(hex({ keyTypes: ['P-256', 'P-384'] })).toBe('300d300b06072a8648ce3d02013100')
    expect(hex({ keyTypes: ['RSA-2048', 'RSA-3072'] })).toBe('300f300d06092a864886f70d0101013100')
  })

  it('has no parameters for Ed25519', () => {
    expect(hex({ keyTypes: ['Ed25519'] })).toBe('300e300706032b6570310006032b6570')
  })

  it('says nothing of keys where several algorithms would do', () => {
    expect(hex({ keyTypes: ['P-256', 'Ed25519'] })).toBe('3000')
  })

  it('leaves out what the subject must be, which this form cannot say', () => {
    const subject = [{ type: 'O', value: 'Example' } as const, { type: 'CN' } as const]
    expect(hex({ subject })).toBe('30050603550403')
  })

  it.skipIf(toolIsMissing('openssl'))(
    'is read by openssl, extensions without a value beside those with',
    () => {
      const wish = encoded({
        channelBinding: true,
        keyTypes: ['P-256'],
        extensions: [
          keyUsage(['digitalSignature']),
          extendedKeyUsage(['serverAuth']),
          { oid: '2.5.29.17', critical: false, value: null },
        ],
      })
      const printed = runTool('openssl', ['asn1parse', '-inform', 'DER', '-in', 'a'], { a: wish })
      const values = [...printed.matchAll(/d=(\d+) .*?prim: *(.*?) *$/gm)].map(
        ([, depth, what]) => `${depth} ${what!.replace(/\s+/g, ' ')}`,
      )
      expect(values).toEqual([
        '1 OBJECT :challengePassword',
        '2 OBJECT :id-ecPublicKey',
        '3 OBJECT :prime256v1',
        '1 OBJECT :X509v3 Subject Alternative Name',
        '2 OBJECT :Extension Request',
        '5 OBJECT :X509v3 Key Usage',
        '5 BOOLEAN :255',
        '5 OCTET STRING [HEX DUMP]:03020780',
        '5 OBJECT :X509v3 Extended Key Usage',
        '5 OCTET STRING [HEX DUMP]:300A06082B06010505070301',
        '1 OBJECT :ecdsa-with-SHA256',
      ])
    },
  )
})
