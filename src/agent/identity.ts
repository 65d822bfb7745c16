import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { CaError } from '../errors.ts'
import { EXTENSION } from '../pki/certificate/extensions.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { readGeneralNames } from '../pki/names/general-names.ts'
import type { SubjectName } from '../pki/names/san.ts'
import { decodePem, encodePem } from '../pki/pem.ts'

/** A certificate with its key: what the agent proves itself with, and what it hands to the consumer. */
export interface Identity {
  readonly leaf: CertificateInfo
  readonly issuer: CertificateInfo
  readonly names: readonly SubjectName[]
  readonly key: KeyObject
  /** PEM, PKCS #8. */
  readonly keyPem: string
  /** PEM. */
  readonly leafPem: string
  /** PEM: the intermediates, issuer first. */
  readonly chainPem: string
}

/** PEM: leaf, intermediates, key. One file, so that one rename changes both halves. */
export function identityPem({ leafPem, chainPem, keyPem }: Identity): string {
  return leafPem + chainPem + keyPem
}

/**
 * Reads what `identityPem` writes, and proves that key, certificate and issuer belong together. Throws `CaError`
 * "badAuthorityCertificate".
 */
export function readIdentity(pem: string): Identity {
  const blocks = decodePem(pem, 'certificate and key')
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ der }) => der)
  const keyDer = blocks.find(({ label }) => label === 'PRIVATE KEY')?.der
  const [leafDer, issuerDer] = certificates
  if (!keyDer || !leafDer || !issuerDer)
    refuse('It must be a certificate, the intermediate that issued it, and a key.')
  const key = createPrivateKey({ key: keyDer, format: 'der', type: 'pkcs8' })
  const chain = certificates.map((der) => new X509Certificate(der))
  if (!chain[0]!.publicKey.equals(createPublicKey(key))) refuse('The certificate is for another key.')
  chain.slice(0, -1).forEach((one, index) => {
    const above = chain[index + 1]!
    if (!one.checkIssued(above) || !one.verify(above.publicKey)) refuse('Its chain is broken.')
  })
  const leaf = parseCertificate(leafDer)
  return {
    leaf,
    issuer: parseCertificate(issuerDer),
    names: namesOf(leaf),
    key,
    keyPem: encodePem('PRIVATE KEY', keyDer),
    leafPem: encodePem('CERTIFICATE', leafDer),
    chainPem: certificates
      .slice(1)
      .map((der) => encodePem('CERTIFICATE', der))
      .join(''),
  }
}

/** The kinds that are certified here; a certificate of another CA may have others. */
function namesOf({ extensions }: CertificateInfo): SubjectName[] {
  const value = extensions.find(({ oid }) => oid === EXTENSION.subjectAltName)?.value
  return value ? readGeneralNames(value, 'certificate', 'badAuthorityCertificate') : []
}

function refuse(why: string): never {
  throw new CaError('badAuthorityCertificate', `The certificate cannot be used. ${why}`)
}
