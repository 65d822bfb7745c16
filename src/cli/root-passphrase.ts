import { Command } from 'commander'
import { changeRootPassphrase } from '../ca/hierarchy/root.ts'
import { readSecretFile } from '../config/secret-file.ts'
import { addRootFolderOptions, type RootFolderOptions, rootPassphrase } from './root-folder.ts'
import { print, type Terminal } from './terminal.ts'

interface PassphraseOptions extends RootFolderOptions {
  readonly newPassphraseFile: string
  readonly json?: boolean
}

/** For one copy of the folder; the others keep the passphrase that they have. */
export function rootPassphraseCommand(terminal: Terminal): Command {
  const command = new Command('passphrase').description('Encrypt the root’s key under another passphrase')
  addRootFolderOptions(command)
    .requiredOption('--new-passphrase-file <file>', 'file with the new one, mode 0600')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: PassphraseOptions) => {
      const { rootFolder: folder } = options
      const next = readSecretFile(options.newPassphraseFile, 'The file of the new passphrase')
      await changeRootPassphrase(folder, rootPassphrase(options), next)
      print(
        terminal,
        options.json,
        { folder, changed: true },
        () => `Changed in ${folder}. Other copies of the folder still have the old passphrase.\n`,
      )
    })
  return command
}
