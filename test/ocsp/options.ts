import type { Authority } from '../../src/ca/authority.ts'
import type { OcspSigner } from '../../src/ca/ocsp-responders.ts'
import type { OcspOptions } from '../../src/config/authority-schema.ts'
import { buildConfig } from '../../src/config/config.ts'
import type { OcspResponderOptions } from '../../src/ocsp/responder.ts'

/** The default options with some of them changed. */
export function ocspOptions(changes: Partial<OcspOptions> = {}): OcspOptions {
  return { ...buildConfig({ dir: '/nowhere', file: {}, environment: {} }).ocsp, ...changes }
}

/** The authority signs by itself. */
export async function ownSigner({ signer, certificate }: Authority): Promise<OcspSigner> {
  return { signer: signer!, certificate, isDelegated: false }
}

export const RESPONDER_DEFAULTS = {
  options: () => ocspOptions(),
  signerOf: ownSigner,
  crlOf: () => null,
  cacheEntries: 10_000,
  uncachedRate: 500,
} satisfies Partial<OcspResponderOptions>
