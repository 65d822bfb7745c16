import type { Specimen } from '../pkilint.ts'

/** Good documents, each with one fault: what pkilint finds in them shows that it looks. */
export function faultySpecimens(good: readonly Specimen[]): Specimen[] {
  const certificate = one(good, 'certificate', 'server')
  const [issuer, subject] = one(good, 'chain', 'server').files as [Buffer, Buffer]
  const crl = one(good, 'crl', 'empty, by intermediate')
  const arl = one(good, 'arl', 'the default root’s first')
  const ocsp = one(good, 'ocsp', 'good')
  return [
    // authorityKeyIdentifier becomes issuerAltName.
    { ...certificate, files: [replace(certificate.files[0]!, '0603551d23', '0603551d12')] },
    { ...certificate, kind: 'chain', files: [subject, subject] },
    { kind: 'chain', name: 'a signature of other bytes', files: [issuer, flipLast(subject)] },
    // cRLNumber becomes deltaCRLIndicator.
    { ...crl, files: [replace(crl.files[0]!, '0603551d14', '0603551d1b')] },
    { ...arl, files: [arl.files[0]!.subarray(0, -1)] },
    // The status "successful" becomes 4, which is not used.
    { ...ocsp, files: [replace(ocsp.files[0]!, '0a0100', '0a0104')] },
  ]
}

function one(specimens: readonly Specimen[], kind: Specimen['kind'], name: string): Specimen {
  const found = specimens.find((specimen) => specimen.kind === kind && specimen.name === name)
  if (!found) throw new Error(`there is no ${kind} "${name}"`)
  return found
}

/** The first occurrence, in hexadecimal; of the same length, so that the DER around it stays right. */
function replace(der: Buffer, from: string, to: string): Buffer {
  const at = der.indexOf(Buffer.from(from, 'hex'))
  if (at < 0) throw new Error(`no ${from} to replace`)
  const copy = Buffer.from(der)
  copy.set(Buffer.from(to, 'hex'), at)
  return copy
}

function flipLast(der: Buffer): Buffer {
  const copy = Buffer.from(der)
  copy[copy.length - 1]! ^= 1
  return copy
}
