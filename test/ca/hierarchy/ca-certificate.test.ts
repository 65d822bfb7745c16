import { expect, test } from 'vitest'
import { publicUrls } from '../../../src/ca/certificate-template.ts'
import {
  makeCrossCertificate,
  makeIntermediateCertificate,
} from '../../../src/ca/hierarchy/ca-certificate.ts'
import { makeNextRootCrl } from '../../../src/ca/hierarchy/next-root-crl.ts'
import { createKeySigner } from '../../../src/ca/key-signer.ts'
import {
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectKeyIdentifier,
} from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { makeRoot, NOT_AFTER, NOT_BEFORE, newKeyPair, signTbs } from '../../pki/certificate/sample.ts'

test('a cross-certificate keeps what limits the root that it is for', async () => {
  const algorithm = signatureAlgorithm('ec', 'sha256')
  const name = encodeName([{ type: 'CN', value: 'Limited Root' }])
  const ofKeys = newKeyPair()
  const limits = [
    nameConstraints({ permitted: { dns: ['example.test'] } }),
    extendedKeyUsage(['serverAuth', 'OCSPSigning']),
  ]
  const tbs = encodeTbs({
    ...{ serialNumber: '4f03', signature: algorithm, issuer: name, subject: name },
    ...{ notBefore: NOT_BEFORE, notAfter: NOT_AFTER, spki: createKeySigner(ofKeys.privateKey, null).spki },
    extensions: [
      basicConstraints({ ca: true }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(Buffer.alloc(20, 1)),
      ...limits,
    ],
  })
  const of = parseCertificate(signTbs(tbs, algorithm, ofKeys.privateKey))
  const keys = newKeyPair()
  const root = {
    id: 'root',
    certificate: parseCertificate(makeRoot(keys)),
    signer: createKeySigner(keys.privateKey, null),
  }
  const wish = { of, validity: 86_400, urls: publicUrls('http://ca.example.test') }
  const cross = await makeCrossCertificate(wish, root, new Date((NOT_BEFORE + 86_400) * 1000))
  expect(cross.extensions).toEqual(expect.arrayContaining(limits))
})

test('where the clock is before the root’s begin, or after its end, nothing is signed: it would be refused at the service', async () => {
  const keys = newKeyPair()
  const certificate = parseCertificate(makeRoot(keys))
  const root = { id: 'root', certificate, signer: createKeySigner(keys.privateKey, null) }
  const below = newKeyPair()
  const wish = {
    ...{ subject: encodeName([{ type: 'CN', value: 'Issuing' }]), pathLength: 0, nameConstraints: null },
    ...{ spki: createKeySigner(below.privateKey, null).spki, validity: 86_400, urls: null },
  }
  for (const [time, why] of [
    [NOT_BEFORE - 10 * 86_400, /is valid from .* set the clock/],
    [NOT_AFTER, /has expired/],
  ] as const) {
    const now = new Date(time * 1000)
    const urls = publicUrls('http://ca.example.test')
    const signatures = [
      () => makeIntermediateCertificate(wish, certificate, 'root', root.signer, now),
      () => makeCrossCertificate({ of: certificate, validity: 86_400, urls }, root, now),
      () => makeNextRootCrl(root, { previous: null, revoke: [], validity: 86_400 }, now),
    ]
    for (const sign of signatures)
      await expect(sign()).rejects.toMatchObject({ code: 'conflict', detail: expect.stringMatching(why) })
  }
})
