import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { SealedSecrets } from '../acme/sealed-secrets.ts'
import { changePassphrase } from '../ca/custody/change-passphrase.ts'
import { moveKeys } from '../ca/custody/move-keys.ts'
import { settleKeys } from '../ca/custody/settle.ts'
import { dataFiles } from '../config/data-directory.ts'
import { dataDirectory } from '../config/load.ts'
import { newSecret, readSecretFile } from '../config/secret-file.ts'
import { loadSecrets } from '../config/secrets.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { offlineAudit, withStore } from './offline.ts'
import { print, type Terminal } from './terminal.ts'

interface KeyOptions {
  readonly dir?: string
  readonly newPassphraseFile?: string
  readonly to?: string
  readonly json?: boolean
}

export function keyCommand(terminal: Terminal): Command {
  return new Command('key')
    .description('The key files of the service, which must be stopped meanwhile')
    .addCommand(passphraseCommand(terminal))
    .addCommand(moveCommand(terminal))
}

function passphraseCommand(terminal: Terminal): Command {
  return new Command('passphrase')
    .description('Encrypt every key, and each secret in the database, under another passphrase')
    .option(
      '--new-passphrase-file <file>',
      'file with the new one, mode 0600; absent: one is made, where the data directory keeps it',
    )
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: KeyOptions) => {
      const directory = dataDirectory(terminal.environment, options.dir)
      await settleKeys(directory)
      const { passphrase: old } = loadSecrets(terminal.environment, directory)
      if (old === null)
        throw new Failure(EXIT.usage, 'The passphrase until now is missing: set CHANCERY_PASSPHRASE_FILE.')
      const isKept = isKeptInFile(directory, old, terminal)
      const next = newPassphrase(options, isKept)
      if (next === old) throw new Failure(EXIT.failed, 'That is the passphrase already.')
      const [before, after] = [new SealedSecrets(old), new SealedSecrets(next)]
      const files = await withStore(options, terminal, (store) =>
        changePassphrase({
          ...{ directory, store, old, next, isKept },
          // One that was sealed under a passphrase of before is as lost as it was.
          reseal: (sealed) =>
            before.unseal(sealed).then(
              (secret) => after.seal(secret),
              () => null,
            ),
          audit: offlineAudit('key.passphrase', 'keys', terminal),
        }),
      )
      const document = { directory, files, passphraseFile: isKept ? dataFiles(directory).passphrase : null }
      print(terminal, options.json, document, () => {
        const where = isKept
          ? `The new passphrase is in ${dataFiles(directory).passphrase}.`
          : 'Give the service the new passphrase now, where it has had the old one.'
        return `Changed: ${files.join(', ')}.\n${where}\nBackups taken before still need the old one.\n`
      })
    })
}

/** Where the service reads it from the data directory; a variable or a credential goes before that. */
function isKeptInFile(directory: string, old: string, { environment }: Terminal): boolean {
  const { passphrase: file } = dataFiles(directory)
  const alone = {
    ...environment,
    CHANCERY_PASSPHRASE: '',
    CHANCERY_PASSPHRASE_FILE: '',
    CREDENTIALS_DIRECTORY: '',
  }
  return existsSync(file) && loadSecrets(alone, directory).passphrase === old
}

function newPassphrase({ newPassphraseFile: file }: KeyOptions, isKept: boolean): string {
  if (file !== undefined) return readSecretFile(file, 'The file of the new passphrase')
  if (isKept) return newSecret()
  throw new Failure(
    EXIT.usage,
    'Name the file of the new passphrase with --new-passphrase-file: the data directory does not keep it.',
  )
}

function moveCommand(terminal: Terminal): Command {
  return new Command('move')
    .description(
      'Move every key file to another directory; "keys" in the data directory becomes a link to it',
    )
    .requiredOption('--to <directory>', 'new, or empty; on an encrypted or a removable disk, say')
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: KeyOptions & { to: string }) => {
      const directory = dataDirectory(terminal.environment, options.dir)
      await settleKeys(directory)
      const files = await withStore(options, terminal, (store) =>
        moveKeys(directory, options.to, () =>
          store.write('audit', offlineAudit('key.move', 'keys', terminal)),
        ),
      )
      print(
        terminal,
        options.json,
        { to: options.to, files },
        () => `Moved to ${options.to}: ${files.join(', ')}.\n`,
      )
    })
}
