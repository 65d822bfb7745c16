import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { CarriedOver } from '../ca/backup/newer-crl.ts'
import { restoreBackup } from '../ca/backup/restore.ts'
import { rfc3339 } from '../clock.ts'
import { dataFiles } from '../config/data-directory.ts'
import { dataDirectory } from '../config/load.ts'
import { crlDer } from '../pki/crl/der-or-pem.ts'
import { facts } from './layout.ts'
import { print, type Terminal } from './terminal.ts'

interface RestoreOptions {
  readonly crl?: readonly string[]
  readonly takenAt?: number
  readonly dir?: string
  readonly json?: boolean
}

export function restoreCommand(terminal: Terminal): Command {
  return new Command('restore')
    .description('Make a data directory of a backup, and say what may be missing')
    .argument('<backup>', 'folder that "chancery backup" made')
    .option(
      '--crl <file...>',
      'CRL, PEM or DER, that was fetched after the backup: what it lists stays revoked; one for each authority',
    )
    .option(
      '--taken-at <time>',
      'when the backup was taken indeed, if its clock was ahead: 2027-01-31T00:00:00Z; rather too early than too late',
      utcTime,
    )
    .option('--dir <directory>', 'data directory, which must hold no CA (CHANCERY_DIR, ./data)')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (backup: string, options: RestoreOptions) => {
      const directory = dataDirectory(terminal.environment, options.dir)
      const { manifest, carriedOver } = await restoreBackup({
        ...{ directory, backup: resolve(backup), clock: terminal.clock, takenAt: options.takenAt },
        crls: (options.crl ?? []).map((file) => crlDer(readFileSync(file))),
      })
      const { takenAt, certificates, revocations, newestAudit } = manifest
      const document = {
        directory,
        backup: { takenAt: rfc3339(takenAt), certificates, revocations, newestAudit },
        carriedOver,
        passphrase: existsSync(dataFiles(directory).passphrase),
      }
      print(
        terminal,
        options.json,
        document,
        () =>
          facts([
            ['Data directory', directory],
            ['Backup of', rfc3339(takenAt)],
            ['Certificates', `${certificates}, ${revocations} of them revoked`],
          ]) +
          carriedOver.map(broughtBack).join('') +
          missing(rfc3339(options.takenAt ?? takenAt), carriedOver.length > 0) +
          (document.passphrase ? '' : NO_PASSPHRASE),
      )
    })
}

/** In the form in which the commands show times. */
function utcTime(text: string): number {
  const seconds = Date.parse(text) / 1000
  if (!Number.isSafeInteger(seconds) || seconds < 0 || rfc3339(seconds) !== text)
    throw new InvalidArgumentError('It is a time such as 2027-01-31T00:00:00Z.')
  return seconds
}

function broughtBack({ authority, number, recorded, unknown }: CarriedOver): string {
  const head = `\nCRL ${number} of "${authority}": ${recorded} revocations brought back.\n`
  if (unknown.length === 0) return head
  return `${head}${unknown.length} more that it lists are not on record. They stay in the CRLs and revoked for OCSP, but are in no inventory:
${unknown.map((serialNumber) => `  ${serialNumber}\n`).join('')}`
}

/** What a database that is older than what it was restored for has forgotten, and what to do about each. */
function missing(takenAt: string, hasCrl: boolean): string {
  return `
What happened after ${takenAt} is not here. Before you start the service:

- Certificates issued since are not on record: OCSP answers "unauthorized" for them, and they can be neither revoked nor
  renewed with their own key. Find them in the service's request log and at those who enrolled, and enrol them again.
  There is no other list of them. Serial numbers are random (158 bits), so none is given twice.
- Revocations since are forgotten${hasCrl ? ', but for those in the CRLs given' : ''}. CRLs that were handed out may list more than the database: look for them in
  caches, proxies and at relying parties, and ${hasCrl ? 'compare them with' : 'restore again with --crl <file>, or compare them with'} "chancery crl show". Revoke anew what the request log shows.
- Holds that were lifted since are on again: lift them with "chancery cert release".
- Tokens and external keys that were spent or revoked since are good again, as are admin keys, EST users and ACME accounts that
  were revoked since. Look at "chancery token list", "acme eab list", "admin-key list", "est user list" and "acme account list".
  Those of all these that were made since are gone.
- Calls for renewal since are forgotten: where one mattered, call again with "chancery acme call-for-renewal".
- Keys that were replaced since are good again, and those that took their place are not: of admin keys that were rotated, and of ACME
  accounts. Rotate an admin key whose secret leaked once more; end such an account with "chancery acme account deactivate".
- Requests that were approved or refused since wait again: look at "chancery request list" before one is approved twice.
- Authorities that were retired since issue again, and those that were made since are gone, with their keys: look at "chancery
  authority list". Bring the newest CRLs and OCSP responses of those whose key is elsewhere once more.
- chancery.yaml is that of the backup: compare its profiles with what you have changed since.

Numbers of tokens, admin keys, accounts, orders and requests that were given since are not given again: they leap. The
next CRLs are made at the start, with numbers beyond all that can have been given since.
`
}

const NO_PASSPHRASE = `
The backup has no passphrase: put the file "passphrase" into the data directory, or set CHANCERY_PASSPHRASE_FILE.
`
