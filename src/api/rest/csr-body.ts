import type { FastifyInstance } from 'fastify'
import type { Static, TSchema, TUnsafe } from 'typebox'
import { CaError } from '../../errors.ts'
import { type CertificationRequest, parseCsr } from '../../pki/csr/parse.ts'
import { decodePem } from '../../pki/pem.ts'

/** The largest CSR that is looked at, in octets of DER. */
const MAX_CSR = 64 * 1024

/** The largest body of an enrolment: the largest CSR as PEM inside JSON. */
export const MAX_ENROLMENT_BODY = 2 * MAX_CSR

/** A CSR by itself; the other wishes then stand in the query. */
const CSR_TYPES = [
  'application/pkcs10',
  'application/x-pem-file',
  'application/pem-certificate-request',
  'text/plain',
]

const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']

/** Lets the routes of this scope take a CSR as PEM or DER, and nothing else beside JSON. */
export function acceptCsrBodies(app: FastifyInstance): void {
  for (const type of CSR_TYPES) {
    app.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: MAX_ENROLMENT_BODY },
      (_request, body, done) => done(null, body),
    )
  }
}

/** The schema of a body that is either JSON, and then checked, or a bare CSR, and then a Buffer. */
export function jsonOrCsr<S extends TSchema>(schema: S) {
  const bare = {
    schema: { description: 'A PKCS #10 CSR by itself, DER or PEM; further wishes stand in the query.' },
  }
  return {
    content: { 'application/json': { schema }, 'application/pkcs10': bare, 'application/x-pem-file': bare },
  } as unknown as TUnsafe<Buffer | Static<S>>
}

/** DER or PEM, told apart by the first octet: a DER CSR starts with a SEQUENCE. Throws `CaError`. */
export function readCsr(given: Uint8Array | string): CertificationRequest {
  if (given.length === 0) throw new CaError('malformedCsr', 'The body is empty: send a CSR as PEM or DER.')
  if (typeof given === 'string') return readTextCsr(given)
  return given[0] === 0x30 ? parseBounded(given) : readTextCsr(Buffer.from(given).toString())
}

/** Exactly one CSR as PEM, or as the base64 of its DER alone. */
export function readTextCsr(text: string): CertificationRequest {
  // What could not be a CSR of the permitted size is too large before it is anything else.
  if (text.length > MAX_CSR && !text.includes('-----BEGIN ')) throw tooLarge()
  const bare = text.replace(/\s+/g, '')
  // "MH" where it has fewer than 128 octets within, as one with an Ed25519 key, no subject and no attributes.
  if (/^M[HI][A-Za-z0-9+/]+=*$/.test(bare)) return parseBounded(Buffer.from(bare, 'base64'))
  const blocks = decodePem(text, 'CSR')
  if (blocks.length !== 1) {
    throw new CaError('malformedCsr', `The body holds ${blocks.length} PEM blocks; send one CSR at a time.`)
  }
  const { label, der } = blocks[0]!
  if (!LABELS.includes(label)) {
    throw new CaError('malformedCsr', `The PEM block is a "${label}"; a "CERTIFICATE REQUEST" belongs here.`)
  }
  return parseBounded(der)
}

function parseBounded(der: Uint8Array): CertificationRequest {
  if (der.length > MAX_CSR) throw tooLarge()
  return parseCsr(der)
}

function tooLarge(): CaError {
  return new CaError('bodyTooLarge', 'The CSR is larger than 64 KiB.')
}
