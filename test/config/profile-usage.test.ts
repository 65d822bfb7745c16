import { expect, test } from 'vitest'
import { resolveProfiles } from '../../src/config/profile.ts'

const EC = ['P-256', 'secp256k1']
const RSA = ['RSA-2048', 'RSA-4096']
const UUID = '2.25.329800735698586629295641978511506172918'

test.each([
  [{ keyUsage: ['keyEncipherment'] }, 'has key usage keyEncipherment, which P-256 keys must not have'],
  [
    { keyUsage: ['dataEncipherment'], keyTypes: ['RSA-2048', 'Ed25519'] },
    'has key usage dataEncipherment, which Ed25519 keys must not have',
  ],
  [
    { keyUsage: ['digitalSignature', 'keyAgreement'], keyTypes: RSA },
    'has key usage keyAgreement, which RSA-2048 keys must not have: set keyTypes to some of P-256',
  ],
  [
    { keyUsage: ['keyAgreement', 'encipherOnly', 'decipherOnly'], keyTypes: EC },
    'has encipherOnly and decipherOnly',
  ],
  [{ keyUsage: ['decipherOnly'], keyTypes: EC }, 'has decipherOnly without keyAgreement'],
  [{ extendedKeyUsage: ['timeStamping', 'clientAuth'] }, 'has the key purpose timeStamping beside others'],
  [{ extendedKeyUsage: ['serverAuth', '1.3.6.1.5.5.7.3.1'] }, 'has the key purpose serverAuth twice'],
  [{ extendedKeyUsage: ['clientAuth', '1.3.6.1.5.5.7.3.8'] }, 'timeStamping beside others'],
  [{ policies: ['1.50.3'] }, 'has "1.50.3" in policies, which is no object identifier'],
  [{ extendedKeyUsage: ['serverAuth', '0.40'] }, 'has "0.40" in extendedKeyUsage, which is no object'],
  [{ policies: [UUID] }, `has "${UUID}" in policies: some relying parties refuse`],
  [{ extendedKeyUsage: ['1.3.2147483648'] }, 'refuse certificates with a number above 2147483647 in it'],
])('a profile with %j is refused', (options, reason) => {
  expect(() => resolveProfiles({ web: { extends: 'client', ...options } })).toThrow(reason)
})

test.each([
  { keyUsage: ['digitalSignature', 'keyEncipherment'], keyTypes: RSA },
  { keyUsage: ['keyAgreement', 'encipherOnly'], keyTypes: EC },
  { extendedKeyUsage: ['timeStamping'] },
  { extendedKeyUsage: ['clientAuth', '1.3.2147483647', '2.999'], policies: ['1.39.9007199254740991'] },
])('a profile with %j is taken', (options) => {
  expect(resolveProfiles({ web: { extends: 'client', ...options } }).web).toMatchObject(options)
})
