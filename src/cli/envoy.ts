import { Command } from 'commander'
import { sdsCommand } from './envoy-sds.ts'
import type { Terminal } from './terminal.ts'

export function envoyCommand(terminal: Terminal): Command {
  return new Command('envoy')
    .description('What Envoy needs: certificates with their staples, trust with its CRLs')
    .addCommand(sdsCommand(terminal))
}
