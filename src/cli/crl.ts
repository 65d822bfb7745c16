import { Command } from 'commander'
import type { AuthorityAnswer } from './answers.ts'
import { installCommand } from './crl-install.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { table } from './layout.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function crlCommand(terminal: Terminal): Command {
  return new Command('crl')
    .description('Certificate revocation lists')
    .addCommand(showCommand(terminal))
    .addCommand(installCommand(terminal))
}

function showCommand(terminal: Terminal): Command {
  const command = new Command('show')
    .description('Show the current CRL of every authority, or of one')
    .argument('[authority]', 'id of the authority')
  addServiceOptions(command).action(async (wanted: string | undefined, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const { authorities } = await client.json<{ authorities: AuthorityAnswer[] }>('GET', '/v1/authorities')
    const shown = authorities.filter(({ id }) => wanted === undefined || id === wanted)
    if (wanted !== undefined && shown.length === 0) {
      const known = authorities.map(({ id }) => id).join(', ')
      throw new Failure(EXIT.notFound, `There is no authority "${wanted}". Known: ${known}.`)
    }
    const crls = shown.map(({ id, crl }) => ({ authority: id, crl }))
    print(terminal, options.json, { crls }, () =>
      table(
        ['authority', 'number', 'entries', 'this update', 'next update'],
        crls.map(({ authority, crl }) =>
          crl
            ? [authority, String(crl.number), String(crl.entries), crl.thisUpdate, crl.nextUpdate]
            : [authority, 'none', '', '', ''],
        ),
      ),
    )
  })
  return command
}
