import { createPrivateKey, type KeyObject } from 'node:crypto'
import { Command, Option } from 'commander'
import { EXTENSION } from '../pki/certificate/extensions.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { type KeyType, TLS_KEY_TYPES } from '../pki/keys/algorithms.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { keyTypeOf } from '../pki/keys/public-key.ts'
import { encodePem } from '../pki/pem.ts'
import { type EnrolmentFiles, printEnrolment, writeEnrolment } from './enrolment.ts'
import { ownCertificate } from './own-certificate.ts'
import { dropPendingKey, pendingKey } from './pending-key.ts'
import { addServiceOptions, type ServiceOptions } from './service.ts'
import { submit, type WaitOptions, waitOption } from './submit.ts'
import type { Terminal } from './terminal.ts'

interface RenewOptions extends ServiceOptions, WaitOptions {
  readonly out: string
  readonly rekey?: boolean
  readonly validity?: string
  readonly keyType?: KeyType
}

export function renewCommand(terminal: Terminal): Command {
  const command = new Command('renew')
    .description('Renew the certificate in a directory, proving it with its own key; no admin key is needed')
    .requiredOption(
      '--out <directory>',
      'directory with the key.pem, cert.pem and root.pem of "cert request"',
    )
    .option('--rekey', 'make a new key')
    .addOption(
      new Option('--key-type <type>', 'kind of the new key (that of the old one)').choices(TLS_KEY_TYPES),
    )
    .option('--validity <duration>', 'life of the new certificate: 24h, 90d')
  addServiceOptions(waitOption(command)).action((options: RenewOptions) => renew(options, terminal))
  return command
}

async function renew(options: RenewOptions, terminal: Terminal): Promise<void> {
  const {
    files,
    certificate: old,
    key: oldPem,
    address,
    client,
  } = ownCertificate(options.out, options, terminal.environment)
  const oldKey = createPrivateKey(oldPem)
  const rekey = options.rekey || options.keyType !== undefined
  const key = rekey ? await newKey(options.keyType ?? keyTypeOf(oldKey), files) : oldKey
  const body = {
    csr: rekey ? encodePem('CERTIFICATE REQUEST', csrLike(old, key)) : undefined,
    validity: options.validity,
  }
  const path = `/v1/certificates/${old.serialNumber}/renew`
  const issued = await submit(client, { path, body, files, newKey: rekey ? key : null }, options, terminal)
  writeEnrolment(files, issued, { key, newKey: rekey, roots: address.roots })
  if (rekey) dropPendingKey(files)
  printEnrolment(terminal, options.json, issued, files)
}

/** A CSR with subject and names of the certificate, as renewal keeps both. */
function csrLike(old: CertificateInfo, key: KeyObject): Buffer {
  const names = old.extensions.filter(({ oid }) => oid === EXTENSION.subjectAltName)
  return encodeCsr({ key, subject: old.subject, extensions: names })
}

/** That of a request which waits for approval already: with another it would be another request. */
async function newKey(type: KeyType, files: EnrolmentFiles): Promise<KeyObject> {
  return pendingKey(files, type) ?? (await generateKey(type))
}
