import { Command } from 'commander'
import type { AuthorityAnswer } from './answers.ts'
import { addCommand } from './authority-add.ts'
import { csrCommand } from './authority-csr.ts'
import { installCommand } from './authority-install.ts'
import { phaseCommand } from './authority-phase.ts'
import { signCommand } from './authority-sign.ts'
import { plain, table } from './layout.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function authorityCommand(terminal: Terminal): Command {
  return new Command('authority')
    .description('Authorities: the root, and the intermediates that issue')
    .addCommand(listCommand(terminal))
    .addCommand(addCommand(terminal))
    .addCommand(csrCommand(terminal))
    .addCommand(signCommand(terminal))
    .addCommand(installCommand(terminal))
    .addCommand(defaultCommand(terminal))
    .addCommand(phaseCommand('staged', terminal))
    .addCommand(phaseCommand('active', terminal))
    .addCommand(phaseCommand('retired', terminal))
}

function listCommand(terminal: Terminal): Command {
  const command = new Command('list').description('List authorities')
  addServiceOptions(command).action(async (options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const answer = await client.json<{ authorities: AuthorityAnswer[] }>('GET', '/v1/authorities')
    print(terminal, options.json, answer, () =>
      table(
        ['id', 'role', 'state', 'valid until', 'subject'],
        answer.authorities.map((one) => [
          one.isDefault ? `${one.id} (default)` : one.id,
          one.role,
          one.revokedBy === null ? one.state : `${one.state}, revoked`,
          one.notAfter ?? '',
          plain(one.subject ?? ''),
        ]),
      ),
    )
  })
  return command
}

function defaultCommand(terminal: Terminal): Command {
  const command = new Command('default')
    .description('Make an authority the one that issues where a request names none')
    .argument('<id>', 'id of the authority')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const path = `/v1/authorities/${encodeURIComponent(id)}`
    const answer = await client.json<AuthorityAnswer>('PATCH', path, { body: { isDefault: true } })
    print(terminal, options.json, answer, () => `Authority ${id} is the default.\n`)
  })
  return command
}
