import { createHash, timingSafeEqual } from 'node:crypto'
import { CaError } from '../errors.ts'
import { readKeyUsage } from '../pki/certificate/ca-constraints.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import type { Recipient } from '../pki/cms/recipient-info.ts'
import type { KeyProtection } from '../pki/csr/key-protection.ts'
import { keyIdentifier as identify, readPublicKey } from '../pki/keys/public-key.ts'
import type { EstCredentials } from './authenticate-enrollee.ts'

/** Before the password, so that what encrypts keys is not what lets in. */
const PURPOSE = 'chancery-est-decrypt-key:'

/**
 * To whom a private key is encrypted (RFC 7030 4.4.1): a symmetric key is named by the user name that came with the request, and is
 * SHA-256 of "chancery-est-decrypt-key:" and the password; an asymmetric one is that of the client certificate, by its
 * subjectKeyIdentifier. Throws "malformedRequest" where the key is not known: never is it sent in clear then.
 */
export function keyRecipient(
  { method, keyIdentifier }: KeyProtection,
  { basic, peer }: EstCredentials,
): Recipient {
  if (method === 'symmetric') {
    if (!basic || !isSame(keyIdentifier, Buffer.from(basic.name, 'utf8'))) {
      throw unknown('DecryptKeyIdentifier must be the user name of HTTP Basic.')
    }
    const secret = createHash('sha256').update(PURPOSE).update(basic.password).digest()
    return { method, keyIdentifier, secret }
  }
  const certificate = peer && parseCertificate(peer.certificate)
  const publicKey = certificate && readPublicKey(certificate.spki)
  const identifier =
    certificate && (certificate.subjectKeyIdentifier ?? identify({ bits: certificate.keyBits }))
  if (!certificate || !publicKey || !identifier || !isSame(keyIdentifier, identifier)) {
    throw unknown(
      'AsymmetricDecryptKeyIdentifier must be the subjectKeyIdentifier of the client certificate of this connection.',
    )
  }
  if (publicKey.family === 'ed25519') throw unknown('The key of the client certificate can only sign.')
  const usages = readKeyUsage(certificate)
  const needed = publicKey.family === 'rsa' ? 'keyEncipherment' : 'keyAgreement'
  if (usages && !usages.has(needed)) {
    throw unknown(`The key usage of the client certificate lacks ${needed}.`)
  }
  return { method, keyIdentifier, publicKey }
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

function unknown(why: string): CaError {
  return new CaError(
    'malformedRequest',
    `The key to which the private key shall be encrypted is not known. ${why}`,
  )
}
