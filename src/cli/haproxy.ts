import { Command } from 'commander'
import { pushCommand } from './haproxy-push.ts'
import type { Terminal } from './terminal.ts'

export function haproxyCommand(terminal: Terminal): Command {
  return new Command('haproxy')
    .description('What HAProxy needs: staples, CRLs and roots, without a restart')
    .addCommand(pushCommand(terminal))
}
