import type { Authorities } from '../../ca/authorities.ts'
import { certsOnly } from '../../pki/bundle/pkcs7.ts'
import { encodePem } from '../../pki/pem.ts'
import type { CertificateRow } from '../../store/queries.ts'
import { chainPem } from './certificate-view.ts'

type Render = (row: CertificateRow, authorities: Authorities) => Buffer

/** How one certificate is given to who asks for nothing else: by media type. Those with a chain have it up to below the root. */
const FORMS: Readonly<Record<string, Render>> = {
  'application/pem-certificate-chain': (row, authorities) =>
    Buffer.from([encodePem('CERTIFICATE', row.der), ...chainPem(authorities, row)].join('')),
  'application/pkix-cert': ({ der }) => der,
  'application/pkcs7-mime': (row, authorities) => certsOnly([row.der, ...authorities.chainFor(row)]),
}

export const FORM_TYPES = Object.keys(FORMS)

/** The media type and the body; null where JSON will do. `accept`: the header, of which only a single type counts. */
export function certificateForm(
  accept: string | undefined,
  row: CertificateRow,
  authorities: Authorities,
): { readonly type: string; readonly body: Buffer } | null {
  const [type = ''] = (accept ?? '').toLowerCase().split(/[;\s]/)
  const render = Object.hasOwn(FORMS, type) ? FORMS[type] : undefined
  return render ? { type, body: render(row, authorities) } : null
}
