import { X509Certificate } from 'node:crypto'
import { CaError } from '../errors.ts'
import { isSelfSigned } from '../pki/certificate/self-signed.ts'
import { type CrlInfo, parseCrl } from '../pki/crl/parse.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import type { Client } from './client.ts'

export interface FetchedCrls {
  /** As it came. */
  readonly pem: string
  readonly crls: readonly (CrlInfo & { readonly nextUpdate: number })[]
}

/**
 * A CRL of every CA of a bundle, or of none: the service does not give it by halves. Envoy, HAProxy and nginx turn every client
 * away for one that is DER, a delta or not current at `now` (seconds). Throws `CaError` "badCrl" and `ServiceError`.
 */
export async function fetchCrls(client: Client, bundle: string, now: number): Promise<FetchedCrls> {
  const pem = await fetchText(client, `/bundles/${encodeURIComponent(bundle)}.crl.pem`)
  const crls = decodePem(pem, 'CRL bundle').map(({ label, der }) => {
    const crl = parseCrl(der, 'badCrl')
    const { nextUpdate } = crl
    if (label !== 'X509 CRL' || crl.isDelta || nextUpdate === null || nextUpdate <= now)
      throw new CaError(
        'badCrl',
        'The service gave a CRL that is not a full, current one; nothing was changed.',
      )
    return { ...crl, nextUpdate }
  })
  if (crls.length === 0) throw new CaError('badCrl', 'The service gave no CRL; nothing was changed.')
  return { pem, crls }
}

export interface FetchedRoots {
  readonly pem: string
  /** DER. */
  readonly roots: readonly Buffer[]
}

/**
 * The roots of a bundle: HAProxy takes no intermediate for an anchor, and an authority's bundle ends with its root. Throws `CaError`
 * "badAuthorityCertificate" and `ServiceError`.
 */
export async function fetchRoots(client: Client, bundle: string): Promise<FetchedRoots> {
  const pem = await fetchText(client, `/bundles/${encodeURIComponent(bundle)}.pem`)
  const roots = decodePem(pem, 'roots')
    .map(({ der }) => der)
    .filter((der) => isSelfSigned(new X509Certificate(der)))
  if (roots.length === 0)
    throw new CaError('badAuthorityCertificate', 'The service gave no root; nothing was changed.')
  return { pem: roots.map((der) => encodePem('CERTIFICATE', der)).join(''), roots }
}

async function fetchText(client: Client, path: string): Promise<string> {
  return (await client.send('GET', path)).body.toString('latin1')
}
