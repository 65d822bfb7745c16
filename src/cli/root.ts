import { Command } from 'commander'
import { rootCreateCommand } from './root-create.ts'
import { rootCrlCommand } from './root-crl.ts'
import { rootCrossCommand } from './root-cross.ts'
import { rootInstallCommand } from './root-install.ts'
import { rootOcspCommand } from './root-ocsp.ts'
import { rootPassphraseCommand } from './root-passphrase.ts'
import type { Terminal } from './terminal.ts'

export function rootCommand(terminal: Terminal): Command {
  return new Command('root')
    .description('The root’s own work, on the machine that holds its key; all but "install" needs no service')
    .addCommand(rootCreateCommand(terminal))
    .addCommand(rootCrossCommand(terminal))
    .addCommand(rootInstallCommand(terminal))
    .addCommand(rootPassphraseCommand(terminal))
    .addCommand(rootCrlCommand(terminal))
    .addCommand(rootOcspCommand(terminal))
}
