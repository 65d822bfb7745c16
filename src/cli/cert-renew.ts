import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { EXTENSION } from '../pki/certificate/extensions.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { KEY_TYPES, type KeyType } from '../pki/keys/algorithms.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import type { IssuedAnswer } from './answers.ts'
import { Client } from './client.ts'
import { type EnrolmentFiles, enrolmentFiles, printEnrolment, writeEnrolment } from './enrolment.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { addServiceOptions, type ServiceOptions, serviceAddress } from './service.ts'
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
  const files = enrolmentFiles(options.out)
  const identity = { certificate: read(files.certificate), key: read(files.key) }
  const old = parseCertificate(decodePem(identity.certificate, files.certificate)[0]!.der)
  const oldKey = createPrivateKey(identity.key)
  const address = serviceAddress(withOwnRoot(options, files), terminal.environment)
  const client = new Client(address, { identity })

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

/** The root that came with the certificate proves the service to a machine that has nothing else of it. */
function withOwnRoot(options: RenewOptions, files: EnrolmentFiles): RenewOptions {
  return options.root === undefined && existsSync(files.root) ? { ...options, root: files.root } : options
}

/** A CSR with subject and names of the certificate, as renewal keeps both. */
function csrLike(old: CertificateInfo, key: KeyObject): Buffer {
  const names = old.extensions.filter(({ oid }) => oid === EXTENSION.subjectAltName)
  return encodeCsr({ key, subject: old.subject, extensions: names })
}

function keyTypeOf(key: KeyObject): KeyType {
  return readPublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' })).type
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
