import type { X509Certificate } from 'node:crypto'
import { CaError } from '../../errors.ts'
import { DerReader } from '../../pki/der/read.ts'
import { ipBytes } from '../../pki/names/ip.ts'
import { quoted } from '../../pki/names/quoted.ts'
import { nameText } from '../../pki/names/san.ts'
import type { AcmeIdentifier } from '../problem.ts'
import { readChallengeCertificate } from './challenge-certificate.ts'
import { connectTo } from './connect.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'
import { type Challenge, keyAuthorizationHash } from './key-authorization.ts'
import { hangUp, startTls } from './start-tls.ts'

const PROTOCOL = 'acme-tls/1'
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'
const OCTET_STRING = 0x04

/** RFC 8737 3, and RFC 8738 6 for addresses. Throws `ValidationFailure`. */
export async function validateTlsAlpn01(
  challenge: Challenge,
  context: Pick<ValidationContext, 'resolver' | 'networks' | 'tlsPort'>,
  deadline: Deadline,
): Promise<void> {
  const { identifier } = challenge
  const { value } = identifier
  const socket = await connectTo(value, context.tlsPort, context, deadline)
  try {
    const what = `${value}, port ${context.tlsPort},`
    const servername = identifier.type === 'ip' ? reverseName(value) : value
    const stream = await startTls(socket, what, { servername, ALPNProtocols: [PROTOCOL] }, deadline)
    const { alpnProtocol } = stream
    const certificate = stream.getPeerX509Certificate()
    await hangUp(stream, deadline)
    if (alpnProtocol !== PROTOCOL)
      throw new ValidationFailure('unauthorized', `${what} does not speak ${PROTOCOL}.`, 'content')
    if (!certificate) throw new ValidationFailure('tls', `${what} has no certificate.`, 'content')
    checkCertificate(certificate, identifier, keyAuthorizationHash(challenge), what)
  } finally {
    socket.destroy()
  }
}

/** RFC 8737 3: signed by itself, with the identifier alone, and the digest in a critical extension. */
function checkCertificate(
  certificate: X509Certificate,
  identifier: AcmeIdentifier,
  expected: Buffer,
  what: string,
): void {
  const wrong = (found: string, cause?: unknown) =>
    new ValidationFailure('incorrectResponse', `The certificate of ${what} ${found}.`, 'content', cause)
  try {
    const info = readChallengeCertificate(certificate.raw)
    const names = info.names.map(nameText)
    if (names.length !== 1 || names[0] !== nameText(identifier)) {
      const found = names.length === 0 ? 'no name' : names.slice(0, 5).map(quoted).join(', ')
      throw wrong(`has ${found}, and ${nameText(identifier)} alone was expected`)
    }
    const extension = info.extensions.find(({ oid }) => oid === ACME_IDENTIFIER)
    if (!extension) throw wrong(`has no acmeIdentifier (${ACME_IDENTIFIER})`)
    if (!extension.critical) throw wrong('has an acmeIdentifier that is not critical')
    const reader = new DerReader(extension.value, 'acmeIdentifier')
    const digest = reader.expect(OCTET_STRING).content
    reader.end()
    if (!digest.equals(expected)) {
      const found = quoted(digest.toString('hex'))
      throw wrong(`has the acmeIdentifier ${found}, and ${expected.toString('hex')} was expected`)
    }
    if (!info.issuer.equals(info.subject) || !certificate.verify(certificate.publicKey))
      throw wrong('is not signed by itself')
  } catch (error) {
    if (error instanceof ValidationFailure) throw error
    if (error instanceof CaError) throw wrong(`cannot be read: ${error.detail.replace(/\.$/, '')}`, error)
    throw wrong('has a key that cannot be used', error)
  }
}

/** RFC 8738 6: what stands for an address in SNI, RFC 1035 3.5 and RFC 3596 2.5. */
function reverseName(address: string): string {
  const bytes = [...ipBytes(address)]
  if (bytes.length === 4) return `${bytes.reverse().join('.')}.in-addr.arpa`
  const digits = [...Buffer.from(bytes).toString('hex')]
  return `${digits.reverse().join('.')}.ip6.arpa`
}
