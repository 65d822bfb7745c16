import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { type MadeRootCrl, makeNextRootCrl, type RootRevocation } from '../ca/hierarchy/next-root-crl.ts'
import type { OpenRoot } from '../ca/hierarchy/root.ts'
import { rfc3339 } from '../clock.ts'
import { crlDer } from '../pki/crl/der-or-pem.ts'
import { REASON, reasonCode } from '../pki/crl/reasons.ts'
import { encodePem } from '../pki/pem.ts'
import { normaliseSerial } from '../pki/serial-number.ts'
import { writeFiles } from '../write-files.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { duration, parsed } from './option-values.ts'
import { addRootFolderOptions, openRootFolder, type RootFolderOptions } from './root-folder.ts'
import { print, type Terminal } from './terminal.ts'

interface RootCrlOptions extends RootFolderOptions {
  readonly previous?: string
  readonly first?: boolean
  readonly revoke?: readonly RootRevocation[]
  /** Seconds. */
  readonly validity: number
  readonly out: string
  readonly json?: boolean
}

const YEAR = 365 * 86_400

/** The ceremony where the root is: no service and no data directory is needed. */
export function rootCrlCommand(terminal: Terminal): Command {
  const command = new Command('crl').description(
    'Sign the root’s next CRL: all that the previous one lists, and what is revoked now',
  )
  addRootFolderOptions(command)
    .option('--previous <file>', 'the root’s last CRL, PEM or DER: <public-url>/crl/root.pem')
    .option('--first', 'instead of --previous: this root has made no CRL before')
    .option(
      '--revoke <serial[:reason]>',
      'intermediate to revoke, its serial number in hexadecimal; repeatable. For a key that was lost: cACompromise',
      revocation,
    )
    .option('--validity <duration>', 'until the next CRL is due; ends with the root', duration, YEAR)
    .requiredOption('--out <file>', 'where the CRL goes, PEM, for "crl install"')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: RootCrlOptions) => {
      const root = await openRootFolder(options)
      const made = await makeNext(root, options, terminal)
      const crl = encodePem('X509 CRL', made.der)
      writeFiles([{ path: options.out, content: crl, mode: 0o644 }])
      print(
        terminal,
        options.json,
        { file: options.out, ...shown(made), crl },
        () =>
          `Wrote ${options.out}: CRL number ${made.number}, ${made.entries} revoked, valid until ${rfc3339(made.nextUpdate)}.\nNext: chancery ${next(root, options)}\n`,
      )
    })
  return command
}

/** A root of which the service knows nothing yet comes along with its first CRL. */
function next({ id }: OpenRoot, { first, rootFolder, out }: RootCrlOptions): string {
  const install = `crl install ${id} ${out}`
  if (!first) return install
  return `root install ${join(rootFolder, 'root.pem')} ${out} (or ${install}, where the service has the root)`
}

async function makeNext(root: OpenRoot, options: RootCrlOptions, terminal: Terminal): Promise<MadeRootCrl> {
  const { previous, first = false, revoke = [], validity } = options
  if ((previous === undefined) !== first) {
    throw new Failure(
      EXIT.usage,
      'Give the root’s last CRL as --previous, so that what is revoked stays revoked; or --first if there never was one.',
    )
  }
  const last = previous === undefined ? null : crlDer(readFileSync(previous))
  return makeNextRootCrl(root, { previous: last, revoke, validity }, terminal.clock())
}

function shown({ number, thisUpdate, nextUpdate, entries }: MadeRootCrl) {
  return { number, thisUpdate: rfc3339(thisUpdate), nextUpdate: rfc3339(nextUpdate), entries }
}

/** "40ab…", "40:ab:…" or either with ":keyCompromise" after it: a reason has letters that no serial number has. */
export function revocation(text: string, before: readonly RootRevocation[] = []): readonly RootRevocation[] {
  const [, serial, reason] = /^(.*?)(?::([a-z]*[g-z][a-z]*))?$/is.exec(text)!
  const one = parsed(() => ({
    serialNumber: normaliseSerial(serial!),
    reason: reason ? finalReason(reason) : REASON.unspecified,
  }))
  if (before.some(({ serialNumber }) => serialNumber === one.serialNumber))
    throw new InvalidArgumentError('It is given twice.')
  return [...before, one]
}

function finalReason(name: string): number {
  const code = reasonCode(name)
  if (code === REASON.certificateHold)
    throw new InvalidArgumentError('What the root revokes stays revoked: certificateHold is no reason here.')
  return code
}
