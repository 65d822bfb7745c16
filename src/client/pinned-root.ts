import { CaError } from '../errors.ts'
import { fingerprint } from '../pki/certificate/fingerprint.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { ServiceError } from './service-error.ts'
import { exchange } from './transport.ts'

/**
 * Fetches, PEM, the root that has this fingerprint, from the service at `base`: http or https. Throws `CaError` "notFound" and
 * "badAuthorityCertificate", and `ServiceError`.
 */
export async function fetchPinnedRoot(base: URL, sha256: string): Promise<string> {
  const url = new URL(`${base.pathname.replace(/\/+$/, '')}/roots/${sha256}`, base)
  const { status, body, retryAfter } = await exchange({
    url,
    method: 'GET',
    headers: { accept: 'application/x-pem-file' },
    // Who answers does not matter: the fingerprint alone decides.
    connection: url.protocol === 'https:' ? { rejectUnauthorized: false } : {},
  })
  if (status === 404) {
    throw new CaError(
      'notFound',
      `${url.origin} has no root with this fingerprint. Compare it with what the service prints at its start.`,
    )
  }
  if (status !== 200) {
    const message = `${url.origin} answered with HTTP status ${status}.`
    throw new ServiceError('refused', message, {
      status,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    })
  }
  const root = onlyCertificate(body)
  const found = fingerprint(root)
  if (found === sha256) return encodePem('CERTIFICATE', root)
  throw new CaError(
    'badAuthorityCertificate',
    `${url.origin} sent a certificate with another fingerprint, ${found}. Nothing was written: do not trust it.`,
  )
}

/** PEM with a single certificate, or the certificate's DER. */
function onlyCertificate(body: Buffer): Buffer {
  if (body[0] === 0x30) return body
  const [only, ...others] = decodePem(body.toString('latin1'), 'answer')
  if (only?.label === 'CERTIFICATE' && others.length === 0) return only.der
  throw new CaError('badAuthorityCertificate', 'The answer is not one certificate. Nothing was written.')
}
