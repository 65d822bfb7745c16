import { oid, sequence } from '../pki/der/write.ts'
import type { Label } from './labels.ts'

/** What a CSR for this label should hold (RFC 7030 4.5). DER. */
export function csrAttributesOf({ options }: Label): Buffer {
  return sequence(...(options.channelBinding === 'required' ? [oid('1.2.840.113549.1.9.7')] : []))
}
