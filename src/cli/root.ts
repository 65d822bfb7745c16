import { Command } from 'commander'
import { rootCrlCommand } from './root-crl.ts'
import { rootOcspCommand } from './root-ocsp.ts'
import type { Terminal } from './terminal.ts'

export function rootCommand(terminal: Terminal): Command {
  return new Command('root')
    .description('The root’s own work, on the machine that holds its key; needs no service')
    .addCommand(rootCrlCommand(terminal))
    .addCommand(rootOcspCommand(terminal))
}
