import { Command, Option } from 'commander'
import { REVOCATION_REASONS } from '../pki/crl/reasons.ts'
import { normaliseSerial } from '../pki/serial-number.ts'
import type { RevocationAnswer } from './answers.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { ownCertificate } from './own-certificate.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface RevokeOptions extends ServiceOptions {
  readonly out?: string
  readonly reason: string
  readonly invalidityDate?: string
  readonly allMatching?: boolean
  readonly authority?: string
  readonly profile?: string
  readonly name?: string
  readonly issuedBefore?: string
  readonly dryRun?: boolean
}

interface RevokedAnswer {
  readonly revocation: RevocationAnswer | null
}

interface BulkAnswer {
  readonly matched: number
  readonly revoked: number
  readonly dryRun: boolean
  readonly serialNumbers: readonly string[]
}

export function revokeCommand(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description('Revoke one certificate, or with --all-matching every one that the filters match')
    .argument('[serial]', 'serial number, hexadecimal; colons are fine')
    .addOption(new Option('--reason <reason>', 'why').choices(REVOCATION_REASONS).default('unspecified'))
    .option('--invalidity-date <time>', 'when the key was lost, if earlier (RFC 3339)')
    .option(
      '--out <directory>',
      'the certificate that "cert request" wrote there, by its own key; no admin key is needed',
    )
    .option('--all-matching', 'instead of one serial number: all that match every filter given')
    .option('--authority <id>', 'filter: authority that issued')
    .option('--profile <name>', 'filter: profile')
    .option('--name <name>', 'filter: a whole name, or "*.example.test"')
    .option('--issued-before <time>', 'filter: RFC 3339')
    .option('--dry-run', 'with --all-matching: only say how many match')
  addServiceOptions(command).action(async (serial: string | undefined, options: RevokeOptions) => {
    if (options.allMatching) await revokeMatching(serial, options, terminal)
    else await revokeOne(serial, options, terminal)
  })
  return command
}

async function revokeOne(
  serial: string | undefined,
  options: RevokeOptions,
  terminal: Terminal,
): Promise<void> {
  const { authority, profile, name, issuedBefore, dryRun, reason, invalidityDate } = options
  if ((serial === undefined) === (options.out === undefined)) {
    throw new Failure(
      EXIT.usage,
      'Give a serial number, or --out with the certificate’s directory, or --all-matching with filters.',
    )
  }
  if (authority || profile || name || issuedBefore || dryRun) {
    throw new Failure(EXIT.usage, 'Filters and --dry-run go with --all-matching, not with one certificate.')
  }
  const { client, path } = target(serial, options, terminal)
  const answer = await client.json<RevokedAnswer>('POST', `${path}/revoke`, {
    body: { reason, invalidityDate },
  })
  // A second revocation keeps the first facts, so the answer may say another reason than was asked for.
  const { revocation } = answer
  print(terminal, options.json, answer, () =>
    revocation ? `Revoked: ${revocation.reason}, ${revocation.revokedAt}.\n` : 'Revoked.\n',
  )
}

/** The certificate to revoke, and who asks: an admin for any, or the holder for the one in a directory. */
function target(serial: string | undefined, options: RevokeOptions, terminal: Terminal) {
  if (serial !== undefined) {
    const path = certificatePath(serial)
    return { client: adminClient(options, terminal.environment), path }
  }
  const { client, certificate } = ownCertificate(options.out!, options, terminal.environment)
  return { client, path: certificatePath(certificate.serialNumber) }
}

async function revokeMatching(
  serial: string | undefined,
  options: RevokeOptions,
  terminal: Terminal,
): Promise<void> {
  const { authority, profile, name, issuedBefore, reason, invalidityDate, dryRun = false } = options
  if (serial !== undefined || options.out !== undefined) {
    throw new Failure(EXIT.usage, 'Give one certificate or --all-matching, not both.')
  }
  if (!(authority || profile || name || issuedBefore)) {
    throw new Failure(
      EXIT.usage,
      'Give at least one filter: --authority, --profile, --name, --issued-before.',
    )
  }
  const client = adminClient(options, terminal.environment)
  const filter = { authority, profile, name, issuedBefore }
  const answer = await client.json<BulkAnswer>('POST', '/v1/certificates/revoke', {
    body: { filter, reason, invalidityDate, dryRun },
  })
  print(terminal, options.json, answer, () => {
    if (!dryRun) return `${answer.revoked} certificates are revoked.\n`
    const sample = answer.serialNumbers.map((one) => `  ${one}\n`).join('')
    return `${answer.matched} certificates match; none was revoked.\n${sample}`
  })
}

export function releaseCommand(terminal: Terminal): Command {
  const command = new Command('release')
    .description('Lift a hold: the only revocation that can be undone')
    .argument('<serial>', 'serial number, hexadecimal; colons are fine')
  addServiceOptions(command).action(async (serial: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const answer = await client.json<RevokedAnswer>('POST', `${certificatePath(serial)}/release`)
    print(terminal, options.json, answer, () => 'The hold is lifted.\n')
  })
  return command
}

/** The certificate's address. `CaError` for what is no serial number. */
export function certificatePath(serial: string): string {
  return `/v1/certificates/${normaliseSerial(serial)}`
}
