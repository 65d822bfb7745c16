import { CaError } from '../../errors.ts'

/** One block of PEM, without its white space. */
const PEM = /^-----BEGIN((?:NEW)?CERTIFICATEREQUEST)-----([^-]*)-----END\1-----$/

/**
 * The octets of a body in base64 (RFC 8951 3.1): with or without line breaks, whatever Content-Transfer-Encoding says. PEM is
 * taken as well, which Azure IoT Edge sent and libest's server reads. Throws "malformedRequest".
 */
export function readBase64(body: unknown): Buffer {
  const whole = Buffer.isBuffer(body) ? body.toString('latin1').replace(/[ \t\r\n]+/g, '') : ''
  const text = PEM.exec(whole)?.[2] ?? whole
  const octets = Buffer.from(text, 'base64')
  if (octets.length === 0 || octets.toString('base64') !== text) {
    throw new CaError(
      'malformedRequest',
      'The body must be the base64 of a PKCS #10 request, and nothing else.',
    )
  }
  return octets
}

/** `lineLength` 0: one line. */
export function writeBase64(octets: Buffer, lineLength: number): string {
  const text = octets.toString('base64')
  if (lineLength === 0) return text
  return text.replace(new RegExp(`.{1,${lineLength}}`, 'g'), '$&\r\n')
}
