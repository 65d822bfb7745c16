import { CaError } from '../../errors.ts'
import { decodePem } from '../pem.ts'

const LABEL = 'X509 CRL'

/** The DER of a CRL from a file or a body, told apart by the first octet: DER starts with a SEQUENCE. Throws `CaError`. */
export function crlDer(bytes: Buffer): Buffer {
  if (bytes[0] === 0x30) return bytes
  const blocks = decodePem(bytes.toString('latin1'), 'CRL')
  const [block] = blocks
  if (blocks.length !== 1 || block?.label !== LABEL) {
    const found = blocks.map(({ label }) => `"${label}"`).join(', ')
    throw new CaError(
      'malformedPem',
      `One CRL belongs there, DER or a PEM block "${LABEL}"; found: ${found}.`,
    )
  }
  return block.der
}
