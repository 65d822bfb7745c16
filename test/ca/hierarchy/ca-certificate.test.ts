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
import { makeRoot, NOT_AFTER, NOT_BEFORE, newKeyPair, signTbs, spkiOf } from '../../pki/certificate/sample.ts'
import { expectRefused } from '../../pki/refusal.ts'

const URLS = publicUrls('http://ca.example.test')

function openedRoot() {
  const keys = newKeyPair()
  const certificate = parseCertificate(makeRoot(keys))
  return { id: 'root', certificate, signer: createKeySigner(keys.privateKey, null) }
}

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
  const wish = { of, validity: 86_400, urls: URLS }
  const cross = await makeCrossCertificate(wish, openedRoot(), new Date((NOT_BEFORE + 86_400) * 1000))
  expect(cross.extensions).toEqual(expect.arrayContaining(limits))
})

const intermediate = (subject: Buffer, seconds: number) => {
  const root = openedRoot()
  const wish = {
    ...{ subject, spki: spkiOf(newKeyPair().publicKey), pathLength: 0, nameConstraints: null },
    ...{ validity: 86_400, urls: URLS },
  }
  return makeIntermediateCertificate(wish, root.certificate, 'root', root.signer, new Date(seconds * 1000))
}

test('an intermediate lives within its root’s life', async () => {
  const subject = encodeName([{ type: 'CN', value: 'Issuing CA' }])
  expect(await intermediate(subject, NOT_BEFORE)).toMatchObject({
    notBefore: NOT_BEFORE,
    notAfter: NOT_BEFORE + 86_400,
  })
  expect(await intermediate(subject, NOT_AFTER - 1)).toMatchObject({
    notBefore: NOT_AFTER - 301,
    notAfter: NOT_AFTER,
  })
})

test.each([
  ['before the root’s life', NOT_BEFORE - 1],
  ['after the root’s life', NOT_AFTER],
])('nothing is signed %s, where its own would end before it begins', async (_, seconds) => {
  const subject = encodeName([{ type: 'CN', value: 'Issuing CA' }])
  await expectRefused(intermediate(subject, seconds), 'conflict', /by the clock of this machine/)
  const wish = { of: openedRoot().certificate, validity: 86_400, urls: URLS }
  const cross = makeCrossCertificate(wish, openedRoot(), new Date(seconds * 1000))
  await expectRefused(cross, 'conflict', /by the clock of this machine/)
  const crl = { previous: null, revoke: [], validity: 86_400 }
  const first = makeNextRootCrl(openedRoot(), crl, new Date(seconds * 1000))
  await expectRefused(first, 'conflict', /by the clock of this machine/)
})

test('no intermediate is without a subject', async () => {
  await expectRefused(intermediate(encodeName([]), NOT_BEFORE), 'badName', /needs a subject/)
})
