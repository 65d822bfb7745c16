import { type AuthContext, authenticate, type Credentials } from '../auth/authenticate.ts'
import type { Principal } from '../auth/principal.ts'
import { CaError } from '../errors.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'

/**
 * Who asks for secrets. Unlike elsewhere the holder of a revoked certificate is let in: an Envoy that shows the certificate
 * that it serves must hear of its revocation, and keeps its last, good staple otherwise. What it gets is public.
 */
export async function authenticateClient(credentials: Credentials, context: AuthContext): Promise<Principal> {
  try {
    return await authenticate(credentials, context)
  } catch (error) {
    const { bearer, peerCertificate } = credentials
    const isRevoked = error instanceof CaError && error.code === 'certificateRevoked'
    if (!isRevoked || bearer !== null || !peerCertificate) throw error
    // Known byte for byte, and its key was proven: only the revocation stood in the way.
    const { serialNumber } = parseCertificate(peerCertificate)
    return { kind: 'certificate', id: `certificate:${serialNumber}`, serialNumber }
  }
}
