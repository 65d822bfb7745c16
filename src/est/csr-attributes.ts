import { usageExtensions } from '../ca/certificate-template.ts'
import type { Profile } from '../config/profile-schema.ts'
import { EXTENSION } from '../pki/certificate/extensions.ts'
import { encodeCsrAttributes } from '../pki/est/csr-attributes.ts'
import { encodeCsrTemplate } from '../pki/est/csr-template.ts'
import type { CsrWish, WishedExtension } from '../pki/est/csr-wish.ts'
import type { Label } from './labels.ts'

/** What a CSR for this label should hold (RFC 7030 4.5, RFC 9908), from its profile. DER. */
export function csrAttributesOf({ options, profile }: Label): Buffer {
  const wish: CsrWish = {
    channelBinding: options.channelBinding === 'required',
    keyTypes: profile.keyTypes,
    subject: [...profile.subject, ...(profile.commonName === 'san' ? [{ type: 'CN' as const }] : [])],
    extensions: extensionsOf(profile),
  }
  return options.csrAttributes === 'template' ? encodeCsrTemplate(wish) : encodeCsrAttributes(wish)
}

function extensionsOf(profile: Profile): WishedExtension[] {
  const names = { oid: EXTENSION.subjectAltName, critical: false, value: null }
  // A profile that refuses extensions would refuse what was asked for.
  return profile.extensions === 'refuse' ? [names] : [...usageExtensions(profile), names]
}
