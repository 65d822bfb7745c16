import { expect, test } from 'vitest'
import { keyRecipient } from '../../src/est/key-recipient.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { make } from '../api/est/device-hierarchy.ts'
import { newKey } from '../api/requests.ts'

test('a private key is not encrypted to a key that can only sign, and that is known before there is one', () => {
  const maker = make('Maker', null, { ca: true })
  const { der } = make('pump', maker, { key: newKey('Ed25519') })
  const keyIdentifier = parseCertificate(der).subjectKeyIdentifier!
  expect(() =>
    keyRecipient(
      { method: 'asymmetric', keyIdentifier, capabilities: [] },
      { basic: null, peer: { certificate: der, others: [] } },
    ),
  ).toThrow('can only sign')
})
