import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { type OpenRoot, openRoot } from '../ca/hierarchy/root.ts'
import { dataFiles } from '../config/data-directory.ts'
import { readSecretFile } from '../config/secret-file.ts'

/** Where the root's key is: what every ceremony needs. */
export interface RootFolderOptions {
  readonly rootFolder: string
  readonly rootPassphraseFile?: string
}

export function addRootFolderOptions(command: Command): Command {
  return command
    .requiredOption('--root-folder <directory>', 'the folder root-offline that "init" made')
    .option(
      '--root-passphrase-file <file>',
      'file with the passphrase of the root’s key (root-passphrase beside the folder)',
    )
}

export function openRootFolder(options: RootFolderOptions): Promise<OpenRoot> {
  return openRoot(options.rootFolder, rootPassphrase(options))
}

export function rootPassphrase({ rootFolder, rootPassphraseFile }: RootFolderOptions): string {
  // Where "init" leaves both, until somebody moves them to places of their own.
  const beside = dataFiles(dirname(resolve(rootFolder))).rootPassphrase
  return readSecretFile(rootPassphraseFile ?? beside, 'The root passphrase file')
}
