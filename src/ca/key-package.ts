import { unsignedKeyPackage } from '../pki/cms/private-key.ts'
import type { IssuingAuthority } from './authority.ts'

/** A private key that was made here, PKCS #8, in CMS signed by the authority (RFC 7030 4.4.2): SignedData, DER. */
export async function signKeyPackage(
  pkcs8: Uint8Array,
  { certificate, chain, signer }: IssuingAuthority,
): Promise<Buffer> {
  const unsigned = unsignedKeyPackage(pkcs8, {
    algorithm: signer.algorithm,
    certificate: certificate.der,
    chain: chain.slice(0, -1),
  })
  return unsigned.assemble(await signer.sign(unsigned.toBeSigned))
}
