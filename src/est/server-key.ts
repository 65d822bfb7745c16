import type { Origin, Principal } from '../auth/principal.ts'
import type { Authorities } from '../ca/authorities.ts'
import type { Issuer } from '../ca/issue.ts'
import { signKeyPackage } from '../ca/key-package.ts'
import type { Profile } from '../config/profile-schema.ts'
import { CaError } from '../errors.ts'
import { FairTurns } from '../fair-turns.ts'
import { checkCapabilities } from '../pki/cms/capabilities.ts'
import { encryptedKeyPackage } from '../pki/cms/private-key.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { readKeyProtection } from '../pki/csr/key-protection.ts'
import { type CertificationRequest, parseCsr } from '../pki/csr/parse.ts'
import { generateKey } from '../pki/keys/generate.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { EstCredentials } from './authenticate-enrollee.ts'
import { enrol, refuseNameChange } from './enrol.ts'
import { keyRecipient } from './key-recipient.ts'
import type { Label } from './labels.ts'

interface Parts {
  readonly issuer: Issuer
  readonly authorities: Authorities
  readonly profiles: ReadonlyMap<string, Profile>
}

export interface ServerKey {
  /** PKCS #8, or the encrypted CMS around it where the client asked for that. DER. */
  readonly key: Buffer
  readonly isEncrypted: boolean
  readonly certificate: CertificateRow
}

/**
 * A key is made before policy has looked at its names: the holder of one token can ask again and again, and must keep nobody else from
 * theirs. Two of libuv's four threads make them, since signatures need some as well.
 */
const keyTurns = new FairTurns(2, {
  most: 32,
  refusal: () =>
    new CaError('overloaded', 'Too many keys are being made: try again shortly.', { retryAfter: 2 }),
})

/**
 * A key made here, and its certificate (RFC 7030 4.4). The CSR says which names; its own key and signature count for nothing (4.4.1),
 * but what kind of key it has is what the client can use. The private key is kept nowhere: whoever loses the answer asks again.
 */
export async function enrolWithServerKey(
  csr: CertificationRequest,
  caller: { readonly principal: Principal; readonly credentials: EstCredentials; readonly origin: Origin },
  label: Label,
  { issuer, authorities, profiles }: Parts,
): Promise<ServerKey> {
  const { principal } = caller
  if (!label.options.serverKeys) {
    throw new CaError('forbidden', 'Keys are not made here: make one yourself, and use simpleenroll.')
  }
  const isToken = principal.kind === 'token'
  const profile = (isToken && profiles.get(principal.token.profile)) || label.profile
  if (profile.approval !== 'none' || (isToken && principal.token.requestId !== null)) {
    throw new CaError('forbidden', 'A key cannot wait for approval: make one yourself, and use simpleenroll.')
  }
  if (isToken && principal.token.spentOn !== null) {
    throw new CaError('tokenSpent', 'The enrolment token was used up. Ask an admin for a new one.')
  }
  // Whatever is wrong with it must be known before there is a certificate.
  refuseNameChange(csr)
  const protection = readKeyProtection(csr.attributes)
  const recipient = protection && keyRecipient(protection, caller.credentials)
  if (recipient) checkCapabilities(protection.capabilities, recipient)
  const type = profile.keyTypes.find((one) => one === csr.publicKey.type) ?? profile.keyTypes[0]!
  const key = await keyTurns.run(principal.id, () => generateKey(type))
  // All of them, since a profile may refuse what is asked for beside names.
  const own = parseCsr(encodeCsr({ key, subject: csr.subject, extensions: csr.extensions }))
  const issued = await enrol(own, principal, label, caller.origin, { issuer })
  if (issued.outcome === 'pending') throw new CaError('internal', 'A certificate waits for approval unasked.')
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const { certificate } = issued
  if (!recipient) return { key: pkcs8, isEncrypted: false, certificate }
  const signed = await signKeyPackage(pkcs8, authorities.signing(certificate.authority))
  const encrypted = await encryptedKeyPackage(signed, recipient, protection.capabilities)
  return { key: encrypted, isEncrypted: true, certificate }
}
