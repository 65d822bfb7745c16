import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { Command, Option } from 'commander'
import { EXTENSION } from '../pki/certificate/extensions.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { KEY_TYPES, type KeyType } from '../pki/keys/algorithms.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import { encodePem } from '../pki/pem.ts'
import type { IssuedAnswer } from './answers.ts'
import { printEnrolment, writeEnrolment } from './enrolment.ts'
import { ownCertificate } from './own-certificate.ts'
import { addServiceOptions, type ServiceOptions } from './service.ts'
import type { Terminal } from './terminal.ts'

interface RenewOptions extends ServiceOptions {
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
      new Option('--key-type <type>', 'kind of the new key (that of the old one)').choices(KEY_TYPES),
    )
    .option('--validity <duration>', 'life of the new certificate: 24h, 90d')
  addServiceOptions(command).action((options: RenewOptions) => renew(options, terminal))
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
  const key = rekey ? await generateKey(options.keyType ?? keyTypeOf(oldKey)) : oldKey
  const issued = await client.json<IssuedAnswer>('POST', `/v1/certificates/${old.serialNumber}/renew`, {
    body: {
      csr: rekey ? encodePem('CERTIFICATE REQUEST', csrLike(old, key)) : undefined,
      validity: options.validity,
    },
    headers: { 'idempotency-key': randomUUID() },
  })
  writeEnrolment(files, issued, { key, newKey: rekey, roots: address.roots })
  printEnrolment(terminal, options.json, issued, files)
}

/** A CSR with subject and names of the certificate, as renewal keeps both. */
function csrLike(old: CertificateInfo, key: KeyObject): Buffer {
  const names = old.extensions.filter(({ oid }) => oid === EXTENSION.subjectAltName)
  return encodeCsr({ key, subject: old.subject, extensions: names })
}

function keyTypeOf(key: KeyObject): KeyType {
  return readPublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' })).type
}
