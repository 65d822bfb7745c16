import { X509Certificate } from 'node:crypto'
import { fromBER } from 'asn1js'
import { type Certificate, ContentInfo, SignedData } from 'pkijs'

/** The certificates of a certs-only message in base64, as a library reads it. */
export function certificatesOf(body: Buffer): X509Certificate[] {
  const der = Buffer.from(body.toString('latin1'), 'base64')
  const { result, offset } = fromBER(new Uint8Array(der))
  if (offset !== der.length) throw new Error('no DER, or more than one message')
  const content = new ContentInfo({ schema: result })
  const { certificates = [] } = new SignedData({ schema: content.content })
  return certificates.map((one) => new X509Certificate(Buffer.from((one as Certificate).toSchema().toBER())))
}
