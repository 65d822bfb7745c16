import { existsSync, readFileSync } from 'node:fs'
import { Client, type ServiceAddress } from '../client/client.ts'
import type { Environment } from '../config/environment.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { TLS_KEY_TYPES } from '../pki/keys/algorithms.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import { decodePem } from '../pki/pem.ts'
import { type EnrolmentFiles, enrolmentFiles } from './enrolment.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { type ServiceOptions, serviceAddress } from './service.ts'

/** The certificate in a directory that `cert request` wrote, and a client that proves itself with it. */
export interface OwnCertificate {
  readonly files: EnrolmentFiles
  readonly certificate: CertificateInfo
  /** PEM, PKCS #8. */
  readonly key: string
  readonly address: ServiceAddress
  readonly client: Client
}

export function ownCertificate(
  directory: string,
  options: ServiceOptions,
  environment: Environment,
): OwnCertificate {
  const files = enrolmentFiles(directory)
  const identity = { certificate: read(files.certificate), key: read(files.key) }
  const certificate = parseCertificate(decodePem(identity.certificate, files.certificate)[0]!.der)
  checkProvesClient(certificate)
  // The root that came with the certificate proves the service to a machine that has nothing else of it.
  const root = options.root ?? (existsSync(files.root) ? files.root : undefined)
  const address = serviceAddress({ ...options, ...(root ? { root } : {}) }, environment)
  return {
    files,
    certificate,
    key: identity.key,
    address,
    client: new Client(address, { identity }),
  }
}

/** The handshake would go on without the certificate, and the service say that nobody is asking. */
function checkProvesClient({ spki }: CertificateInfo): void {
  const { type } = readPublicKey(spki)
  if (TLS_KEY_TYPES.some((one) => one === type)) return
  throw new Failure(
    EXIT.notAllowed,
    `TLS takes no client certificate with a ${type} key, so that it proves nobody: "chancery cert request" gets a new one, and an admin key revokes it.`,
  )
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `${file} cannot be read. --out names the directory that "cert request" wrote.`,
      { cause: error },
    )
  }
}
