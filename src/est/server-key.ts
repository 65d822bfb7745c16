import type { KeyObject } from 'node:crypto'
import type { Origin, Principal } from '../auth/principal.ts'
import type { Issued, Issuer } from '../ca/issue.ts'
import { CaError } from '../errors.ts'
import { subjectAltName } from '../pki/certificate/extensions.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { type CertificationRequest, parseCsr } from '../pki/csr/parse.ts'
import { proveCsr } from '../pki/csr/prove.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { enrol } from './enrol.ts'
import type { Label } from './labels.ts'

/**
 * A key made here, and its certificate (RFC 7030 4.4). The CSR says which names and, by its own key, which kind of key; that key
 * is not certified. The private key is kept nowhere: whoever loses the answer asks again.
 */
export async function enrolWithServerKey(
  csr: CertificationRequest,
  principal: Principal,
  label: Label,
  origin: Origin,
  parts: { readonly issuer: Issuer },
): Promise<{ key: KeyObject; issued: Issued }> {
  if (!label.options.serverKeys) {
    throw new CaError('forbidden', 'Keys are not made here: make one yourself, and use simpleenroll.')
  }
  proveCsr(csr)
  const { publicKey, subject, names } = csr
  if (!label.profile.keyTypes.includes(publicKey.type)) {
    throw new CaError('keyNotAllowed', `Profile "${label.profile.name}" takes no ${publicKey.type} keys.`)
  }
  const key = await generateKey(publicKey.type)
  const extensions = names.length > 0 ? [subjectAltName(names, false)] : []
  const own = parseCsr(encodeCsr({ key, subject, extensions }))
  return { key, issued: await enrol(own, principal, label, origin, parts) }
}
