import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { type BackupSecret, SECRETS, takeBackup } from '../ca/backup/take.ts'
import { rfc3339 } from '../clock.ts'
import { dataDirectory } from '../config/load.ts'
import { facts } from './layout.ts'
import { print, type Terminal } from './terminal.ts'

interface BackupOptions {
  readonly out: string
  readonly include?: readonly BackupSecret[]
  readonly dir?: string
  readonly json?: boolean
}

export function backupCommand(terminal: Terminal): Command {
  return new Command('backup')
    .description('Copy the data directory into a new folder; the service may run meanwhile')
    .requiredOption('--out <folder>', 'the folder, which must not be there yet')
    .addOption(
      new Option(
        '--include <secret...>',
        'also what makes the backup as dangerous as the data directory',
      ).choices(SECRETS),
    )
    .option('--dir <directory>', 'data directory (CHANCERY_DIR, ./data)')
    .option('--json', 'machine-readable output: one JSON document')
    .action(async (options: BackupOptions) => {
      const directory = dataDirectory(terminal.environment, options.dir)
      const out = resolve(options.out)
      const include = options.include ?? []
      const leftOut = SECRETS.filter((secret) => !include.includes(secret))
      const { takenAt, files, ...counts } = await takeBackup({
        ...{ directory, out, clock: terminal.clock },
        include: [...new Set(include)],
      })
      const document = {
        ...{ backup: out, takenAt: rfc3339(takenAt), ...counts },
        ...{ files: files.map(({ name }) => name), leftOut },
      }
      print(terminal, options.json, document, () => {
        const { certificates, revocations } = counts
        return `${facts([
          ['Backup', out],
          ['Of', rfc3339(takenAt)],
          ['Certificates', `${certificates}, ${revocations} of them revoked`],
          ['Files', document.files.join(', ')],
          ['Not in it', leftOut.join(', ')],
        ])}${leftOut.includes('passphrase') ? WITHOUT_PASSPHRASE : ''}`
      })
    })
}

const WITHOUT_PASSPHRASE = `
The keys in it are encrypted and useless without the passphrase: keep that in another place, and keep it.
`
