import { existsSync, readFileSync } from 'node:fs'
import { Client, type ServiceAddress } from '../client/client.ts'
import type { Environment } from '../config/environment.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
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
  // The root that came with the certificate proves the service to a machine that has nothing else of it.
  const root = options.root ?? (existsSync(files.root) ? files.root : undefined)
  const address = serviceAddress({ ...options, ...(root ? { root } : {}) }, environment)
  return {
    files,
    certificate: parseCertificate(decodePem(identity.certificate, files.certificate)[0]!.der),
    key: identity.key,
    address,
    client: new Client(address, { identity }),
  }
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
