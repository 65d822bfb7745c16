import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { Client } from '../client/client.ts'
import type { Environment } from '../config/environment.ts'
import { subjectAltName } from '../pki/certificate/extensions.ts'
import { encodeCsr } from '../pki/csr/encode.ts'
import { encodeName } from '../pki/distinguished-name.ts'
import { KEY_TYPES, type KeyType } from '../pki/keys/algorithms.ts'
import { generateKey } from '../pki/keys/generate.ts'
import { encodePem } from '../pki/pem.ts'
import { enrolmentFiles, printEnrolment, refuseExistingKey, writeEnrolment } from './enrolment.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { addNameOptions, type NameOptions, namesFrom } from './names.ts'
import { collect } from './option-values.ts'
import { dropPendingKey, pendingKey } from './pending-key.ts'
import { addServiceOptions, adminKey, type ServiceOptions, serviceAddress } from './service.ts'
import { submit, type WaitOptions, waitOption } from './submit.ts'
import type { Terminal } from './terminal.ts'

interface RequestOptions extends ServiceOptions, NameOptions, WaitOptions {
  readonly out: string
  readonly commonName?: string
  readonly profile?: string
  readonly authority?: string
  readonly validity?: string
  readonly keyType: KeyType
  readonly token?: string
  readonly tokenFile?: string
  readonly force?: boolean
}

export function requestCommand(terminal: Terminal): Command {
  const command = new Command('request')
    .description('Make a key here, and get a certificate for it: key.pem, cert.pem and root.pem')
    .requiredOption('--out <directory>', 'where the three files go')
    .option(
      '--name <name>',
      'DNS name, IP address, URI or e-mail address, told by its look; repeatable',
      collect,
    )
  addNameOptions(waitOption(command))
    .option('--common-name <text>', 'common name in the subject; kept only if it is one of the names')
    .option('--profile <name>', 'profile (that of the token, else the default one)')
    .option('--authority <id>', 'authority that issues (that of the profile, else the default one)')
    .option('--validity <duration>', 'life of the certificate: 24h, 90d')
    .addOption(
      new Option('--key-type <type>', 'kind of key; none of secp256k1 renews its certificate')
        .choices(KEY_TYPES)
        .default('P-256'),
    )
    .option(
      '--token <token>',
      'enrolment token; CHANCERY_TOKEN and --token-file do not show in process lists',
    )
    .option('--token-file <file>', 'file with the enrolment token')
    .option('--force', 'replace a key that is there already')
  addServiceOptions(command).action((options: RequestOptions) => request(options, terminal))
  return command
}

async function request(options: RequestOptions, terminal: Terminal): Promise<void> {
  const names = namesFrom(options)
  if (names.length === 0)
    throw new Failure(EXIT.usage, 'Name what the certificate is for, such as --name web.example.test.')
  const files = enrolmentFiles(options.out)
  refuseExistingKey(files, options.force)
  const address = serviceAddress(options, terminal.environment)
  const client = new Client(address, { bearer: bearer(options, terminal.environment) })

  // That of a request which waits for approval already: with another it would be another request.
  const key = pendingKey(files, options.keyType) ?? (await generateKey(options.keyType))
  const { commonName } = options
  const csr = encodeCsr({
    key,
    subject: encodeName(commonName ? [{ type: 'CN', value: commonName }] : []),
    // RFC 5280 4.2.1.6: critical where the subject is empty.
    extensions: [subjectAltName(names, !commonName)],
  })
  const { profile, authority, validity } = options
  const body = { csr: encodePem('CERTIFICATE REQUEST', csr), profile, authority, validity }
  const submission = { path: '/v1/certificates', body, files, newKey: key }
  const issued = await submit(client, submission, options, terminal)
  writeEnrolment(files, issued, { key, newKey: true, roots: address.roots })
  dropPendingKey(files)
  printEnrolment(terminal, options.json, issued, files)
}

/** The token that was given, else the admin key. */
function bearer(options: RequestOptions, environment: Environment): string {
  if (options.token) return options.token.trim()
  if (options.tokenFile) return readFileSync(options.tokenFile, 'utf8').trim()
  return environment.CHANCERY_TOKEN?.trim() || adminKey(options, environment)
}
