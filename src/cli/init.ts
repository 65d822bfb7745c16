import { Command } from 'commander'
import { publicUrls } from '../ca/certificate-template.ts'
import { defaultSubject, HIERARCHY_DEFAULTS } from '../ca/hierarchy/defaults.ts'
import { type Initialisation, type Initialised, initialise } from '../ca/hierarchy/initialise.ts'
import { refuseTakenDirectory } from '../ca/hierarchy/staging.ts'
import { dataDirectory, loadOptions } from '../config/load.ts'
import { ensurePassphrase, ensureRootPassphrase, loadSecrets } from '../config/secrets.ts'
import type { NameAttribute } from '../pki/distinguished-name.ts'
import {
  type AuthorityOptions,
  addAuthorityOptions,
  addPathLength,
  addSigningOptions,
  life,
  newAuthority,
  type SigningOptions,
} from './hierarchy-options.ts'
import { colonHex, facts } from './layout.ts'
import { distinguishedName } from './option-values.ts'
import { print, type Terminal } from './terminal.ts'

interface InitOptions extends AuthorityOptions, SigningOptions {
  readonly authority: string
  readonly rootSubject?: readonly NameAttribute[]
  /** Seconds. */
  readonly rootValidity: number
  readonly externalRoot?: boolean
  readonly publicUrl?: string
  readonly passphraseFile?: string
  readonly rootPassphraseFile?: string
  readonly dir?: string
  readonly json?: boolean
}

export function initCommand(terminal: Terminal): Command {
  const command = new Command('init')
    .description('Make a root, an intermediate, the database and an admin key in an empty data directory')
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--authority <id>', 'id of the intermediate, as it stands in URLs', HIERARCHY_DEFAULTS.authority)
  addSigningOptions(addPathLength(addAuthorityOptions(command)))
    .option('--root-subject <name>', 'subject of the root', distinguishedName)
    .addOption(life('--root-validity <duration>', 'life of the root', HIERARCHY_DEFAULTS.rootValidity))
    .option('--external-root', 'make no root: only the intermediate’s key and CSR, to be signed elsewhere')
    .option('--public-url <url>', 'base of the addresses inside certificates (CHANCERY_PUBLIC_URL)')
    .option(
      '--passphrase-file <file>',
      'passphrase of the intermediate’s key (CHANCERY_PASSPHRASE_FILE, else made)',
    )
    .option('--root-passphrase-file <file>', 'passphrase of the root’s key (else made)')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: InitOptions) => {
      const dir = dataDirectory(terminal.environment, options.dir)
      const given = options.publicUrl ? { publicUrl: options.publicUrl } : {}
      const { publicUrl } = loadOptions(terminal.environment, { dir, ...given })
      const made = await initialise(await hierarchyWish(options, publicUrl, terminal))
      print(terminal, options.json, made, () => summary(made, options))
    })
  return command
}

/**
 * What is to be made, with the passphrases, which are made here where none are given. `publicUrl` goes into the intermediate's
 * certificate, for the root's CRL; null if it is not known yet. Throws where something is there already.
 */
export async function hierarchyWish(
  options: InitOptions,
  publicUrl: string | null,
  { environment, clock }: Terminal,
): Promise<Initialisation> {
  const dir = dataDirectory(environment, options.dir)
  await refuseTakenDirectory(dir)
  const given = options.passphraseFile
    ? { ...environment, CHANCERY_PASSPHRASE: undefined, CHANCERY_PASSPHRASE_FILE: options.passphraseFile }
    : environment
  const intermediate = { ...newAuthority(options.authority, options), validity: options.validity }
  return {
    directory: dir,
    clock,
    passphrase: ensurePassphrase(loadSecrets(given, dir), dir).passphrase,
    intermediate,
    root: options.externalRoot
      ? null
      : {
          keyType: options.keyType,
          hash: options.hash ?? null,
          subject: options.rootSubject ?? defaultSubject('Root CA'),
          validity: options.rootValidity,
          passphrase: ensureRootPassphrase(dir, options.rootPassphraseFile),
        },
    urls: publicUrl === null ? null : publicUrls(publicUrl),
    // The service must go on with the address that the intermediate's certificate has.
    options: options.publicUrl ? (await import('yaml')).stringify({ publicUrl: options.publicUrl }) : null,
  }
}

const CONSTRAINED = `
The name constraints hold for the service's own certificate too: put a name that they permit, by which the service is
reached, into tls.names of chancery.yaml, and give it to commands with --url.
`

/** What a person has to know, and to do, after `init`. */
export function summary(
  made: Initialised,
  options: Pick<InitOptions, 'rootPassphraseFile' | 'permitDns' | 'permitIp'>,
): string {
  const { directory, adminKeyFile, rootFingerprint, rootFolder } = made
  const lines = facts([
    ['Data directory', directory],
    ['Admin key', `${adminKeyFile} (keep it secret)`],
    ['Root SHA-256', rootFingerprint && colonHex(rootFingerprint)],
    ['Root key', rootFolder],
  ])
  if (!rootFolder) {
    return `${lines}\nNext: "chancery authority csr" prints the request for the intermediate. Have your root sign it, then\n"chancery authority install chain.pem" (the signed certificate, then its issuers, the root last).\n`
  }
  const also = options.rootPassphraseFile
    ? ''
    : ', and the file root-passphrase beside it, each to a place of its own'
  const narrow = options.permitDns || options.permitIp ? CONSTRAINED : ''
  return `${lines}
Move that folder offline now${also}.
Whoever has both can make certificates that all of yours trust. The service runs without them.
${narrow}`
}
