import { createHash } from 'node:crypto'
import { SECRET_TYPE, type SecretContent } from '../sds/secret.ts'
import type { CertificateConfig } from './config.ts'
import type { Identity } from './identity.ts'
import type { Part } from './schema.ts'

/** All that the files of one certificate are made of; null for what is not there yet. */
export interface Material {
  readonly identity: Identity
  /** DER. */
  readonly staple: Buffer | null
  /** PEM. */
  readonly crls: Buffer | null
  readonly roots: Buffer | null
}

export interface MadeFile {
  readonly name: string
  readonly content: string | Buffer
  /** Whether the key is in it. */
  readonly isSecret: boolean
}

type Files = CertificateConfig['files']

/** Which parts stand in the files that are wanted. */
export function wantedParts(files: Files): ReadonlySet<Part> {
  const parts = new Set<Part>()
  const { key, certificate, chain, fullchain, combined, staple, crls, roots, envoyCertificate, envoyTrust } =
    files
  if (key || certificate || chain || fullchain || combined || envoyCertificate) parts.add('certificate')
  if (staple || envoyCertificate) parts.add('staple')
  if (crls || envoyTrust) parts.add('crls')
  if (roots || envoyTrust) parts.add('roots')
  return parts
}

/** By which it is seen that a part has changed. */
export function partDigests(material: Material, files: Files): Partial<Record<Part, string>> {
  const { identity, staple, crls, roots } = material
  const contents: Record<Part, Uint8Array | null> = { certificate: identity.leaf.der, staple, crls, roots }
  const digests: Partial<Record<Part, string>> = {}
  for (const part of wantedParts(files)) {
    const content = contents[part]
    if (content) digests[part] = createHash('sha256').update(content).digest('hex')
  }
  return digests
}

/** The wanted files, as far as there is something for them. `place` is the directory that they will be in. */
export function makeFiles(material: Material, config: CertificateConfig, place: string): MadeFile[] {
  const { identity, staple, crls, roots } = material
  const { keyPem, leafPem, chainPem } = identity
  const { files } = config
  const fullchain = leafPem + chainPem
  const made: MadeFile[] = []
  const add = (name: string | undefined, content: string | Buffer | null, isSecret = false) => {
    if (name !== undefined && content !== null) made.push({ name, content, isSecret })
  }
  add(files.key, keyPem, true)
  add(files.certificate, leafPem)
  add(files.chain, chainPem)
  add(files.fullchain, fullchain)
  add(files.combined, fullchain + keyPem, true)
  add(files.staple, staple)
  add(files.crls, crls)
  add(files.roots, roots)
  add(files.envoyCertificate, secretFile(envoyCertificate(material, config, place)))
  add(files.envoyTrust, crls && roots && secretFile(envoyTrust(crls, roots, config)))
  return made
}

/** The key by a path that never gets another content, so that Envoy cannot read the one of a later certificate. */
function envoyCertificate(
  { identity, staple }: Material,
  { envoyCertificateName, files }: CertificateConfig,
  place: string,
): SecretContent {
  return {
    name: envoyCertificateName,
    tls_certificate: {
      certificate_chain: { inline_string: identity.leafPem + identity.chainPem },
      private_key: { filename: `${place}/${files.key}` },
      // By name it would be read once: inline, a new one is taken up.
      ...(staple ? { ocsp_staple: { inline_bytes: staple.toString('base64') } } : {}),
    },
  }
}

function envoyTrust(crls: Buffer, roots: Buffer, { envoyTrustName }: CertificateConfig): SecretContent {
  return {
    name: envoyTrustName,
    validation_context: {
      trusted_ca: { inline_string: roots.toString('latin1') },
      crl: { inline_string: crls.toString('latin1') },
    },
  }
}

function secretFile(content: SecretContent): string {
  return `${JSON.stringify({ resources: [{ '@type': SECRET_TYPE, ...content }] })}\n`
}
