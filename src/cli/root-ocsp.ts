import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { OpenRoot } from '../ca/hierarchy/root.ts'
import { rfc3339 } from '../clock.ts'
import type { CertIdHash } from '../ocsp/cert-id.ts'
import { makeRootResponse, type RootResponse } from '../ocsp/root-response.ts'
import { crlDer } from '../pki/crl/der-or-pem.ts'
import { HASH_NAMES } from '../pki/keys/algorithms.ts'
import { decodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import { collect, duration } from './option-values.ts'
import { addRootFolderOptions, openRootFolder, type RootFolderOptions } from './root-folder.ts'
import { print, type Terminal } from './terminal.ts'

interface RootOcspOptions extends RootFolderOptions {
  readonly certificate: readonly string[]
  readonly crl: string
  /** Seconds. */
  readonly validity: number
  readonly hash: CertIdHash
  readonly out: string
  readonly json?: boolean
}

const QUARTER = 91 * 86_400
const HASHES: readonly CertIdHash[] = ['sha1', ...HASH_NAMES]

/** The ceremony where the root is: no service and no data directory is needed. */
export function rootOcspCommand(terminal: Terminal): Command {
  const command = new Command('ocsp').description(
    'Sign the root’s OCSP responses about intermediates, for clients that ask about the whole chain',
  )
  addRootFolderOptions(command)
    .requiredOption(
      '--certificate <file>',
      'PEM file with an intermediate that the root issued; repeatable: <public-url>/ca/<id>.pem',
      collect,
    )
    .requiredOption('--crl <file>', 'the root’s last CRL, PEM or DER: it says which of them are revoked')
    .option('--validity <duration>', 'until the next response is due', duration, QUARTER)
    .option('--hash <hash>', `of the CertID, as clients ask: ${HASHES.join(', ')}`, certIdHash, 'sha1')
    .requiredOption('--out <directory>', 'where the responses go, DER: <serial number>.ocsp each')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: RootOcspOptions) => {
      const root = await openRootFolder(options)
      const made = await makeAll(root, options, terminal)
      writeFiles(made.map(({ file, der }) => ({ path: file, content: der, mode: 0o644 })))
      const shown = made.map(({ file, serialNumber, status, nextUpdate }) => ({
        ...{ file, serialNumber, nextUpdate: rfc3339(nextUpdate) },
        status: typeof status === 'object' ? 'revoked' : status,
      }))
      print(terminal, options.json, { responses: shown }, () =>
        shown
          .map(
            ({ file, status, nextUpdate }) =>
              `Wrote ${file}: ${status}, valid until ${nextUpdate}.\nNext: chancery ocsp install ${root.id} ${file}\n`,
          )
          .join(''),
      )
    })
  return command
}

async function makeAll(
  root: OpenRoot,
  { certificate: files, crl: crlFile, validity, hash, out }: RootOcspOptions,
  terminal: Terminal,
): Promise<(RootResponse & { readonly file: string })[]> {
  const crl = crlDer(readFileSync(crlFile))
  return Promise.all(
    files.map(async (name) => {
      const certificate = decodePem(readFileSync(name, 'utf8'), name)[0]!.der
      const made = await makeRootResponse(root, { certificate, crl, validity, hash }, terminal.clock())
      return { ...made, file: join(out, `${made.serialNumber}.ocsp`) }
    }),
  )
}

function certIdHash(text: string): CertIdHash {
  const hash = HASHES.find((one) => one === text.toLowerCase().replace('-', ''))
  if (!hash) throw new InvalidArgumentError(`Known: ${HASHES.join(', ')}.`)
  return hash
}
