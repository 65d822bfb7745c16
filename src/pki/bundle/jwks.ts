import { createPublicKey, type webcrypto } from 'node:crypto'
import { parseCertificate } from '../certificate/parse.ts'

export interface SpiffeBundle {
  readonly keys: readonly (webcrypto.JsonWebKey & {
    readonly use: 'x509-svid'
    readonly x5c: readonly [string]
  })[]
  readonly spiffe_sequence: number
  readonly spiffe_refresh_hint: number
}

/**
 * A trust domain's bundle (SPIFFE Trust Domain and Bundle 4): the DER roots as JWKs, each with exactly one x5c
 * and no kid. `sequence` grows with every change; `refreshHint` is in seconds.
 */
export function spiffeBundle(
  roots: readonly Uint8Array[],
  sequence: number,
  refreshHint: number,
): SpiffeBundle {
  const keys = roots.map((root) => {
    const { der, spki } = parseCertificate(root, 'badAuthorityCertificate')
    const jwk = createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' })
    return { ...jwk, use: 'x509-svid', x5c: [der.toString('base64')] } as const
  })
  return { keys, spiffe_sequence: sequence, spiffe_refresh_hint: refreshHint }
}
