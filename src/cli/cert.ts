import { Command } from 'commander'
import { listCommand } from './cert-list.ts'
import { renewCommand } from './cert-renew.ts'
import { requestCommand } from './cert-request.ts'
import { releaseCommand, revokeCommand } from './cert-revoke.ts'
import { showCommand } from './cert-show.ts'
import type { Terminal } from './terminal.ts'

export function certCommand(terminal: Terminal): Command {
  return new Command('cert')
    .description('Certificates')
    .addCommand(requestCommand(terminal))
    .addCommand(renewCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(revokeCommand(terminal))
    .addCommand(releaseCommand(terminal))
}
