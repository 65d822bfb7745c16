import { subjectAltName } from '../pki/certificate/extensions.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { parseCsr } from '../pki/csr/parse.ts'
import { encodeName } from '../pki/distinguished-name.ts'
import type { KeyType } from '../pki/keys/algorithms.ts'
import { generateKey } from '../pki/keys/generate.ts'
import type { SubjectName } from '../pki/names/san.ts'
import { SYSTEM_ORIGIN } from './audit.ts'
import type { Issuer } from './issue.ts'
import { type KeptIdentity, keepIdentity } from './kept-identity.ts'
import type { IssuanceRequest } from './request.ts'

/** What the service asks of itself. */
export interface OwnWish extends Pick<IssuanceRequest, 'authority' | 'notAfter'> {
  /** As who, in the audit log: "system:tls". */
  readonly principal: string
  readonly profile: string
  readonly keyType: KeyType
  readonly names?: readonly SubjectName[]
}

/**
 * A new key of the service's own with a certificate, issued by the usual path and kept in `file` for the next start. `onFault` hears
 * why that could not be done. Throws `CaError` as `Issuer.issue` does.
 */
export async function makeIdentity(
  { keyType, names = [], principal, ...wish }: OwnWish,
  issuer: Issuer,
  file: string,
  passphrase: string,
  onFault: (error: unknown) => void,
): Promise<KeptIdentity> {
  const key = await generateKey(keyType)
  const extensions = names.length > 0 ? [subjectAltName(names, true)] : []
  const csr = parseCsr(encodeCsr({ key, subject: encodeName([]), extensions }))
  const issued = await issuer.issue(
    () => ({ proof: { kind: 'csr', csr }, ...wish }),
    { kind: 'system', id: principal },
    SYSTEM_ORIGIN,
  )
  const identity = { key, certificate: parseCertificate(issued.certificate.der) }
  await keepIdentity(file, identity, passphrase, onFault)
  return identity
}
