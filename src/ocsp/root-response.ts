import { proveCrl } from '../ca/hierarchy/prove-crl.ts'
import type { OpenRoot } from '../ca/hierarchy/root.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { readCrlEntries } from '../pki/crl/parse-entry.ts'
import { nameToText } from '../pki/distinguished-name.ts'
import type { CertIdHash } from './cert-id.ts'
import { isSigned } from './prove-response.ts'
import { parseOcspRequest } from './request.ts'
import type { CertStatus } from './response.ts'
import { type SignedResponse, signResponse } from './sign-response.ts'
import { stapleRequest } from './staple.ts'

export interface RootResponseWish {
  /** DER, issued by the root. */
  readonly certificate: Uint8Array
  /** The root's last CRL, DER: it says what is revoked. */
  readonly crl: Uint8Array
  /** Seconds; cut at the ends of root and certificate. */
  readonly validity: number
  readonly hash: CertIdHash
}

export interface RootResponse extends SignedResponse {
  /** Of the certificate that it is about, lower-case hexadecimal. */
  readonly serialNumber: string
  readonly status: CertStatus
}

/** An OCSP response about an intermediate, made where the root's key is. Throws `CaError` where the pieces do not fit. */
export async function makeRootResponse(
  { certificate: root, signer }: OpenRoot,
  { certificate, crl, validity, hash }: RootResponseWish,
  now: Date,
): Promise<RootResponse> {
  const info = parseCertificate(certificate, 'badAuthorityCertificate')
  const { serialNumber, issuer, notAfter } = info
  // The name alone, anybody can write: the root would call a serial number good that it never gave.
  if (!issuer.equals(root.subject) || !isSigned(info, root)) {
    throw new CaError(
      'badAuthorityCertificate',
      `The certificate ${serialNumber} was issued by "${nameToText(issuer)}", and not by this root.`,
    )
  }
  const seconds = epochSeconds(now)
  if (root.notAfter <= seconds)
    throw new CaError('conflict', 'The root’s certificate has expired; nobody would take a response of it.')
  const proven = proveCrl(crl, root)
  if (proven.thisUpdate > seconds || proven.nextUpdate === null || proven.nextUpdate <= seconds) {
    throw new CaError(
      'badCrl',
      'The root’s CRL is not current, and may not know of a revocation: make the next one first, with "chancery root crl".',
    )
  }
  const listed = [...readCrlEntries(proven.entries)].find((one) => one.serialNumber === serialNumber)
  const status: CertStatus = listed ? { revokedAt: listed.revokedAt, reason: listed.reason } : 'good'
  const signed = await signResponse(
    { signer, certificate: root, isDelegated: false },
    {
      request: parseOcspRequest(stapleRequest({ certificate: root }, serialNumber, hash)),
      statuses: [status],
      now: seconds,
      authorityEnd: Math.min(root.notAfter, Math.max(notAfter, seconds + 1)),
      options: { validity, responderId: 'key' },
    },
  )
  return { ...signed, serialNumber, status }
}
