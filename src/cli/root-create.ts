import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { defaultSubject, HIERARCHY_DEFAULTS } from '../ca/hierarchy/defaults.ts'
import { AUTHORITY_KEY_TYPES } from '../ca/hierarchy/new-authority.ts'
import { createRoot } from '../ca/hierarchy/root.ts'
import { readSecretFile } from '../config/secret-file.ts'
import { fingerprint } from '../pki/certificate/fingerprint.ts'
import type { NameAttribute } from '../pki/distinguished-name.ts'
import { HASH_NAMES, type HashName, type KeyType } from '../pki/keys/algorithms.ts'
import { encodePem } from '../pki/pem.ts'
import { life } from './hierarchy-options.ts'
import { distinguishedName } from './option-values.ts'
import { print, type Terminal } from './terminal.ts'

interface CreateOptions {
  readonly rootFolder: string
  readonly rootPassphraseFile: string
  readonly subject?: readonly NameAttribute[]
  readonly keyType: KeyType
  readonly hash?: HashName
  /** Seconds. */
  readonly validity: number
  readonly json?: boolean
}

/** The ceremony of a second root: no service and no data directory is needed. */
export function rootCreateCommand(terminal: Terminal): Command {
  return new Command('create')
    .description(
      'Make another root, to follow the first: key and certificate in a folder, to be kept offline',
    )
    .requiredOption('--root-folder <directory>', 'folder to make')
    .requiredOption('--root-passphrase-file <file>', 'file with a new passphrase, mode 0600, for the key')
    .option(
      '--subject <name>',
      'subject: "CN=Example Root 2036,O=Example"; not that of another root',
      distinguishedName,
    )
    .addOption(
      new Option('--key-type <type>', 'kind of key')
        .choices(AUTHORITY_KEY_TYPES)
        .default(HIERARCHY_DEFAULTS.keyType),
    )
    .addOption(
      new Option('--hash <hash>', 'hash to sign with (the one that fits the key)').choices(HASH_NAMES),
    )
    .addOption(life('--validity <duration>', 'life of the root', HIERARCHY_DEFAULTS.rootValidity))
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: CreateOptions) => {
      const { rootFolder, keyType, hash = null, validity } = options
      const subject = options.subject ?? defaultSubject('Root CA')
      const passphrase = readSecretFile(options.rootPassphraseFile, 'The root passphrase file')
      const wish = { keyType, hash, subject, validity }
      const { id, certificate } = await createRoot(rootFolder, wish, passphrase, terminal.clock(), {
        isFirst: false,
      })
      const sha256 = fingerprint(certificate.der)
      print(
        terminal,
        options.json,
        {
          id,
          folder: resolve(rootFolder),
          fingerprint: sha256,
          certificate: encodePem('CERTIFICATE', certificate.der),
        },
        () =>
          `Made ${id} in ${rootFolder}.\nSHA-256  ${sha256}\nNext: chancery root crl --first --root-folder ${rootFolder} …, then chancery root install\n`,
      )
    })
}
