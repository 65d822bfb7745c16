import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { cryptoProvider, X509CertificateGenerator } from '@peculiar/x509'
import { expect, test } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { fetchRoots } from '../../src/client/trust.ts'

cryptoProvider.set(webcrypto as never)
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

/** A certificate that names itself as its issuer, signed by that key. */
async function selfNamed(keys: webcrypto.CryptoKeyPair, signer: webcrypto.CryptoKeyPair): Promise<string> {
  const made = await X509CertificateGenerator.create({
    ...{ subject: 'CN=Root', issuer: 'CN=Root', signingAlgorithm: ALGORITHM },
    ...{ publicKey: keys.publicKey, signingKey: signer.privateKey },
  })
  return `${made.toString('pem')}\n`
}

const serving = (pem: string) =>
  ({ send: async () => ({ status: 200, headers: {}, body: Buffer.from(pem) }) }) as unknown as Client

test('a root is what its own key has signed; a name that stands twice proves nothing', async () => {
  const [keys, others] = await Promise.all([newKeys(), newKeys()])
  const [root, other] = await Promise.all([selfNamed(keys, keys), selfNamed(others, keys)])
  expect((await fetchRoots(serving(root + other), 'ca')).roots).toHaveLength(1)
  await expect(fetchRoots(serving(other), 'ca')).rejects.toMatchObject({ code: 'badAuthorityCertificate' })
})
