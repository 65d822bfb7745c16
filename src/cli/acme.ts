import { Command } from 'commander'
import { accountCommand } from './acme-account.ts'
import { callForRenewalCommand } from './acme-call-for-renewal.ts'
import { eabCommand } from './acme-eab.ts'
import { orderCommand } from './acme-order.ts'
import type { Terminal } from './terminal.ts'

export function acmeCommand(terminal: Terminal): Command {
  return new Command('acme')
    .description('ACME: external account keys, accounts, orders, early renewal')
    .addCommand(eabCommand(terminal))
    .addCommand(accountCommand(terminal))
    .addCommand(orderCommand(terminal))
    .addCommand(callForRenewalCommand(terminal))
}
