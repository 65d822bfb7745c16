import { describe, expect, test } from 'vitest'
import { makeIntermediateCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { proveAuthorityChain } from '../../../src/ca/hierarchy/chain.ts'
import { createKeySigner } from '../../../src/ca/key-signer.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  keyUsage,
} from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import {
  makeRoot,
  NOT_AFTER,
  NOT_BEFORE,
  newKeyPair,
  ROOT_NAME,
  signTbs,
} from '../../pki/certificate/sample.ts'

const rootKeys = newKeyPair()
const root = makeRoot(rootKeys)
const signer = createKeySigner(newKeyPair().privateKey, null)
const NOW = NOT_BEFORE + 86_400

function intermediate(extensions: readonly Extension[], notAfter = NOT_AFTER): Buffer {
  const algorithm = signatureAlgorithm('ec', 'sha256')
  const tbs = encodeTbs({
    serialNumber: '4f02',
    signature: algorithm,
    issuer: ROOT_NAME,
    subject: encodeName([{ type: 'CN', value: 'Issuing' }]),
    notBefore: NOT_BEFORE,
    notAfter,
    spki: signer.spki,
    extensions,
  })
  return signTbs(tbs, algorithm, rootKeys.privateKey)
}

const CA = basicConstraints({ ca: true, pathLength: 0 })
const SIGNS = keyUsage(['keyCertSign', 'cRLSign'])
const prove = (certificate: Buffer) => proveAuthorityChain([certificate, root], signer.spki, NOW)

test('what a root of ours signs fits', async () => {
  const rootSigner = createKeySigner(rootKeys.privateKey, null)
  const { der } = await makeIntermediateCertificate(
    {
      subject: encodeName([{ type: 'CN', value: 'Issuing' }]),
      spki: signer.spki,
      pathLength: 0,
      nameConstraints: { permitted: { dns: ['example.test'] } },
      validity: 86_400,
      urls: null,
    },
    parseCertificate(root),
    'root',
    rootSigner,
    new Date(NOW * 1000),
  )
  expect(prove(der)).toHaveLength(2)
})

describe('an issuing certificate is refused', () => {
  test.each([
    ['without key usage', [CA], /key usages keyCertSign and cRLSign/],
    ['that cannot sign CRLs', [CA, keyUsage(['keyCertSign'])], /key usages keyCertSign and cRLSign/],
    ['that cannot sign certificates', [CA, keyUsage(['cRLSign'])], /keyCertSign/],
    ['that is no CA', [basicConstraints({ ca: false }), SIGNS], /CA:TRUE/],
    [
      'with a critical extension that nobody knows',
      [CA, SIGNS, { oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }],
      /1\.2\.3\.4/,
    ],
    [
      'whose name constraints cannot be read, since no start could read them either',
      [
        CA,
        SIGNS,
        // permittedSubtrees of a DNS name with a maximum, which RFC 5280 4.2.1.10 forbids.
        { oid: '2.5.29.30', critical: true, value: Buffer.from('300da00b30098204612e7465810105', 'hex') },
      ],
      /The nameConstraints is not valid DER: it has bytes after its end/,
    ],
    [
      'whose extended key usage cannot be read',
      [CA, SIGNS, { oid: '2.5.29.37', critical: false, value: Buffer.from([5, 0]) }],
      /The extKeyUsage is not valid DER/,
    ],
  ] as const)('%s', (_what, extensions, detail) => {
    expect(() => prove(intermediate(extensions))).toThrow(detail)
  })

  test('whose authorityKeyIdentifier is not that of its issuer: OpenSSL would find none', () => {
    const { subjectKeyIdentifier } = parseCertificate(root)
    expect(prove(intermediate([CA, SIGNS, authorityKeyIdentifier(subjectKeyIdentifier!)]))).toHaveLength(2)
    const other = authorityKeyIdentifier(Buffer.alloc(20, 7))
    expect(() => prove(intermediate([CA, SIGNS, other]))).toThrow(
      /authorityKeyIdentifier of "CN=Issuing" names another certificate/,
    )
  })

  test('that outlives its issuer by more than a day', () => {
    expect(prove(intermediate([CA, SIGNS], NOT_AFTER + 86_400))).toHaveLength(2)
    expect(() => prove(intermediate([CA, SIGNS], NOT_AFTER + 86_401))).toThrow(/outlives its issuer/)
  })
})
