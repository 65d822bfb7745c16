import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { publicUrls } from '../ca/certificate-template.ts'
import { makeIntermediateCertificate } from '../ca/hierarchy/ca-certificate.ts'
import { EXTENSION } from '../pki/certificate/extensions.ts'
import { readNameLimits } from '../pki/certificate/name-constraints.ts'
import { parseCsr } from '../pki/csr/parse.ts'
import { proveCsr } from '../pki/csr/prove.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import {
  addPathLength,
  addSigningOptions,
  constraintsOf,
  pathLengthOf,
  type SigningOptions,
} from './hierarchy-options.ts'
import { publicUrl } from './option-values.ts'
import { addRootFolderOptions, openRootFolder, type RootFolderOptions } from './root-folder.ts'
import { print, type Terminal } from './terminal.ts'

interface SignOptions extends SigningOptions, RootFolderOptions {
  readonly publicUrl: string
  readonly out: string
  readonly json?: boolean
}

/** The ceremony where the root is: no service and no data directory is needed. */
export function signCommand(terminal: Terminal): Command {
  const command = new Command('sign')
    .description('Sign the CSR of an intermediate with the root’s key, on the machine that holds it')
    .argument('<csr>', 'PEM file, from "authority csr"')
  addRootFolderOptions(command)
    .requiredOption(
      '--public-url <url>',
      'base of the addresses inside the certificate, as in the service’s configuration',
      publicUrl,
    )
    .requiredOption('--out <file>', 'where the chain goes, for "authority install"')
    .option('--json', 'machine-readable output: one JSON document')
  addSigningOptions(addPathLength(command)).action(async (file: string, options: SignOptions) => {
    const chain = await sign(file, options, terminal)
    writeFiles([{ path: options.out, content: chain, mode: 0o644 }])
    print(
      terminal,
      options.json,
      { file: options.out, chain },
      () =>
        `Wrote ${options.out}. Next: chancery authority install ${options.out}, with --authority ID unless it is the first one\n`,
    )
  })
  return command
}

async function sign(file: string, options: SignOptions, terminal: Terminal): Promise<string> {
  const blocks = decodePem(readFileSync(file, 'utf8'), 'CSR')
  if (blocks.length !== 1)
    throw new Failure(EXIT.failed, `${file} holds ${blocks.length} PEM blocks; one CSR belongs there.`)
  const csr = parseCsr(blocks[0]!.der)
  await proveCsr(csr)
  // What cannot be read would be refused by each start.
  readNameLimits(csr, 'malformedCsr')
  const root = await openRootFolder(options)
  const wish = {
    subject: csr.subject,
    spki: csr.publicKey.spki,
    pathLength: pathLengthOf(options),
    nameConstraints: constraintsOf(options),
    // A renewal must not free a thief of the key of what bound the certificate before.
    askedConstraints: csr.extensions.find(({ oid }) => oid === EXTENSION.nameConstraints)?.value,
    validity: options.validity,
    urls: publicUrls(options.publicUrl),
  }
  const made = await makeIntermediateCertificate(
    wish,
    root.certificate,
    root.id,
    root.signer,
    terminal.clock(),
  )
  return encodePem('CERTIFICATE', made.der) + encodePem('CERTIFICATE', root.certificate.der)
}
