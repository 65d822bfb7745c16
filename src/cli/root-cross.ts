import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { publicUrls } from '../ca/certificate-template.ts'
import { makeCrossCertificate } from '../ca/hierarchy/ca-certificate.ts'
import { proveRoot } from '../ca/hierarchy/chain.ts'
import { HIERARCHY_DEFAULTS } from '../ca/hierarchy/defaults.ts'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { nameToText } from '../pki/distinguished-name.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { life } from './hierarchy-options.ts'
import { plain } from './layout.ts'
import { publicUrl } from './option-values.ts'
import { addRootFolderOptions, openRootFolder, type RootFolderOptions } from './root-folder.ts'
import { print, type Terminal } from './terminal.ts'

interface CrossOptions extends RootFolderOptions {
  readonly publicUrl: string
  /** Seconds. */
  readonly validity: number
  readonly out: string
  readonly json?: boolean
}

/** The ceremony where a root is: no service and no data directory is needed. */
export function rootCrossCommand(terminal: Terminal): Command {
  const command = new Command('cross')
    .description(
      'Sign another root’s key with this root’s: whoever trusts this root then takes what the other signed',
    )
    .argument('<root>', 'PEM file with the other root’s certificate')
  addRootFolderOptions(command)
    .requiredOption(
      '--public-url <url>',
      'base of the addresses inside the certificate, as in the service’s configuration',
      publicUrl,
    )
    .addOption(
      life(
        '--validity <duration>',
        'life of the cross-certificate; ends with either root',
        HIERARCHY_DEFAULTS.validity,
      ),
    )
    .requiredOption('--out <file>', 'where it goes, PEM, for "root install"')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (file: string, options: CrossOptions) => {
      const [block, ...more] = decodePem(readFileSync(file, 'utf8'), 'root certificate')
      if (block?.label !== 'CERTIFICATE' || more.length > 0)
        throw new Failure(EXIT.failed, `${file} must hold one certificate, PEM: that of the other root.`)
      const now = terminal.clock()
      const of = parseCertificate(block.der, 'badAuthorityCertificate')
      // Signed by its own key: whoever brings it has that key, and not only the name.
      proveRoot(of, epochSeconds(now))
      const root = await openRootFolder(options)
      if (root.certificate.spki.equals(of.spki))
        throw new Failure(EXIT.failed, `${file} is the root of ${options.rootFolder} itself.`)
      const urls = publicUrls(options.publicUrl)
      const made = await makeCrossCertificate({ of, validity: options.validity, urls }, root, now)
      const certificate = encodePem('CERTIFICATE', made.der)
      writeFiles([{ path: options.out, content: certificate, mode: 0o644 }])
      const [subject, issuer] = [made.subject, made.issuer].map(nameToText)
      print(
        terminal,
        options.json,
        { file: options.out, subject, issuer, notAfter: rfc3339(made.notAfter), certificate },
        () =>
          `Wrote ${options.out}: ${plain(subject!)} by ${plain(issuer!)}, valid until ${rfc3339(made.notAfter)}.\nNext: chancery root install ${options.out}\n`,
      )
    })
  return command
}
