import type { SmimeCapability } from '../csr/key-protection.ts'
import { sequence } from '../der/write.ts'
import { chooseAlgorithms } from './capabilities.ts'
import { CONTENT_TYPE } from './content-info.ts'
import { envelopedData } from './enveloped-data.ts'
import type { Recipient } from './recipient-info.ts'
import { type CmsSigner, type UnsignedData, unsignedData } from './signed-data.ts'

/**
 * A private key for one client alone (RFC 7030 4.4.2), first half: an AsymmetricKeyPackage (RFC 5958 2) that whoever
 * made the key shall sign. PKCS #8's first version is a OneAsymmetricKey as it stands.
 */
export function unsignedKeyPackage(pkcs8: Uint8Array, signer: CmsSigner): UnsignedData {
  return unsignedData(CONTENT_TYPE.asymmetricKeyPackage, sequence(pkcs8), signer)
}

/**
 * The second half: the signed package, encrypted. A ContentInfo, DER. `capabilities` are what the client says that it
 * can read. `CaError` 'unsupportedAlgorithm' where the recipient's key can only sign.
 */
export async function encryptedKeyPackage(
  signed: Uint8Array,
  recipient: Recipient,
  capabilities: readonly SmimeCapability[],
): Promise<Buffer> {
  return envelopedData(CONTENT_TYPE.signedData, signed, recipient, chooseAlgorithms(capabilities))
}
