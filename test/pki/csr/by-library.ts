import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Extensions, type GeneralName, SubjectAlternativeName } from '@peculiar/asn1-x509'
import { normaliseName } from '../../../src/pki/names/normalise.ts'
import type { SubjectName } from '../../../src/pki/names/san.ts'

const hex = (bytes: ArrayBuffer) => Buffer.from(bytes).toString('hex')

/** What @peculiar/asn1-csr finds in a CSR, in the terms of ours; all bytes in hexadecimal. */
export function readByLibrary(der: Uint8Array) {
  const csr = AsnConvert.parse(der, CertificationRequest)
  const info = csr.certificationRequestInfo
  const request = info.attributes?.find(({ type }) => type === '1.2.840.113549.1.9.14')
  const extensions = request ? [...AsnConvert.parse(request.values[0]!, Extensions)] : []
  const names = extensions.find(({ extnID }) => extnID === '2.5.29.17')
  return {
    signed: hex(csr.certificationRequestInfoRaw!),
    subject: hex(AsnConvert.serialize(info.subject)),
    commonNames: [...info.subject].flatMap((rdn) =>
      [...rdn].filter(({ type }) => type === '2.5.4.3').map(({ value }) => value.toString()),
    ),
    spki: hex(AsnConvert.serialize(info.subjectPKInfo)),
    keyBits: hex(info.subjectPKInfo.subjectPublicKey),
    attributes: [...(info.attributes ?? [])].map(({ type, values }) => ({
      oid: type,
      values: values.map(hex),
    })),
    extensions: extensions.map(({ extnID, critical, extnValue }) => ({
      oid: extnID,
      critical,
      value: hex(extnValue.buffer),
    })),
    names: names
      ? [...AsnConvert.parse(names.extnValue.buffer, SubjectAlternativeName)].map(subjectName)
      : [],
    signatureAlgorithm: csr.signatureAlgorithm.algorithm,
    signature: hex(csr.signature),
  }
}

function subjectName(name: GeneralName): SubjectName {
  if (name.dNSName !== undefined) return normaliseName('dns', name.dNSName)
  if (name.iPAddress !== undefined) return normaliseName('ip', name.iPAddress)
  if (name.rfc822Name !== undefined) return normaliseName('email', name.rfc822Name)
  if (name.uniformResourceIdentifier !== undefined)
    return normaliseName('uri', name.uniformResourceIdentifier)
  throw new Error('a name of another kind')
}
