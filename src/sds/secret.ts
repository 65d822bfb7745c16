import { createHash } from 'node:crypto'

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
  const version = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32)
  return { content, version, refreshAt }
}

/** Of its CRLs: all else is short. */
export function crlOctets(content: SecretContent | undefined): number {
  const crl = content?.validation_context?.crl
  return crl && 'inline_string' in crl ? crl.inline_string.length : 0
}

/** What Envoy reads as a file, or as the answer to a REST request. */
export function discoveryJson({ content, version }: Pick<Secret, 'content' | 'version'>): string {
  const resources = [{ '@type': SECRET_TYPE, ...content }]
  return JSON.stringify({ version_info: version, resources, type_url: SECRET_TYPE })
}
