import { DerReader } from '../der/read.ts'
import { NAME_TAG } from '../names/general-names.ts'
import { ACCESS_METHOD, EXTENSION } from './extensions.ts'
import type { TbsInfo } from './parse.ts'

/** Where a certificate says that more about it is. URLs, as they stand there. */
export interface CertificateAddresses {
  /** cRLDistributionPoints (RFC 5280 4.2.1.13). */
  readonly crls: readonly string[]
  /** authorityInfoAccess (RFC 5280 4.2.2.1). */
  readonly ocsp: readonly string[]
  readonly issuers: readonly string[]
}

/** Throws `CaError` "badAuthorityCertificate" where an extension cannot be read. */
export function readAddresses(info: TbsInfo): CertificateAddresses {
  const access = list(info, EXTENSION.authorityInformationAccess).map((reader) => {
    const method = reader.oid()
    const { tag, content } = reader.next()
    return { method, url: tag === NAME_TAG.uri ? content.toString('latin1') : null }
  })
  const of = (wanted: string) =>
    access.flatMap(({ method, url }) => (method === wanted && url !== null ? [url] : []))
  return {
    crls: list(info, EXTENSION.crlDistributionPoints).flatMap(fullNames),
    ocsp: of(ACCESS_METHOD.ocsp),
    issuers: of(ACCESS_METHOD.caIssuers),
  }
}

/** The elements of an extension that is a SEQUENCE OF SEQUENCE. */
function list(info: TbsInfo, oid: string): DerReader[] {
  const extension = info.extensions.find((one) => one.oid === oid)
  if (!extension) return []
  const reader = new DerReader(extension.value, 'certificate', 'badAuthorityCertificate').enter()
  const elements: DerReader[] = []
  while (!reader.done) elements.push(reader.enter())
  return elements
}

function fullNames(point: DerReader): string[] {
  const name = point.optional(0xa0)
  const full = name && point.into(name).optional(0xa0)
  if (!full) return []
  const names = point.into(full)
  const urls: string[] = []
  while (!names.done) {
    const { tag, content } = names.next()
    if (tag === NAME_TAG.uri) urls.push(content.toString('latin1'))
  }
  return urls
}
