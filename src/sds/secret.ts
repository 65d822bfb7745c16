import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** The type of every resource here, as Envoy names it. */
export const SECRET_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'

type DataSource =
  | { readonly filename: string }
  | { readonly inline_string: string }
  /** base64, which JSON and the protobuf library read alike. */
  | { readonly inline_bytes: string }

/** A Secret in Envoy's own names, for JSON and for protobuf. */
export interface SecretContent {
  readonly name: string
  readonly tls_certificate?: {
    readonly certificate_chain: DataSource
    readonly private_key: DataSource
    readonly ocsp_staple?: DataSource
  }
  readonly validation_context?: { readonly trusted_ca: DataSource; readonly crl?: DataSource }
}

export interface Secret {
  readonly content: SecretContent
  /** Changes with the content, and with nothing else. */
  readonly version: string
  /** When it should be looked at again even if nothing was heard. Seconds since 1970. */
  readonly refreshAt: number
}

export function secret(content: SecretContent, refreshAt: number): Secret {
  return { content, version: secretVersion(JSON.stringify(content)), refreshAt }
}

/** `content`: what tells it from every other. */
export function secretVersion(content: string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32)
}

/** Of its CRLs: all else is short. */
export function crlOctets(content: SecretContent | undefined): number {
  return crlsOf(content).length
}

function crlsOf(content: SecretContent | undefined): string {
  const crl = content?.validation_context?.crl
  return crl && 'inline_string' in crl ? crl.inline_string : ''
}

/** What Envoy reads as a file, or as the answer to a REST request. */
export function discoveryJson({ content, version }: Pick<Secret, 'content' | 'version'>): string {
  const resources = [{ '@type': SECRET_TYPE, ...content }]
  return JSON.stringify({ version_info: version, resources, type_url: SECRET_TYPE })
}

/** Characters of CRLs, which takes some milliseconds. */
const SLICE = 512 * 1024
/** In no PEM, and in no name of a secret. */
const PLACE = '{CRLs}'

/** The same as octets; long CRLs with pauses for others: 50 MB take half a second. */
export async function discoveryOctets({
  content,
  version,
}: Pick<Secret, 'content' | 'version'>): Promise<Buffer> {
  const crls = crlsOf(content)
  if (crls.length <= SLICE) return Buffer.from(discoveryJson({ content, version }))
  const trust = { ...content.validation_context!, crl: { inline_string: PLACE } }
  const around = discoveryJson({ content: { ...content, validation_context: trust }, version })
  const [before, after] = around.split(PLACE) as [string, string]
  const parts = [Buffer.from(before)]
  for (let at = 0; at < crls.length; at += SLICE) {
    await setImmediate()
    // Without the quotes around it.
    parts.push(Buffer.from(JSON.stringify(crls.slice(at, at + SLICE)).slice(1, -1)))
  }
  return Buffer.concat([...parts, Buffer.from(after)])
}
