import { Command } from 'commander'
import { type IssuedAnswer, nameList } from './answers.ts'
import { certificatePath } from './cert-revoke.ts'
import { facts, plain } from './layout.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function showCommand(terminal: Terminal): Command {
  const command = new Command('show')
    .description('Show one certificate')
    .argument('<serial>', 'serial number, hexadecimal; colons are fine')
    .option('--pem', 'only the certificate and its chain, PEM')
  addServiceOptions(command).action(async (serial: string, options: ServiceOptions & { pem?: boolean }) => {
    const client = adminClient(options, terminal.environment)
    const found = await client.json<IssuedAnswer>('GET', certificatePath(serial))
    print(terminal, options.json, found, () =>
      options.pem ? [found.certificate, ...found.chain].join('') : description(found),
    )
  })
  return command
}

function description(found: IssuedAnswer): string {
  const { revocation } = found
  return facts([
    ['Serial number', found.serialNumber],
    ['State', found.state],
    ['Subject', plain(found.subject)],
    ['Names', plain(nameList(found.names))],
    ['Valid from', found.notBefore],
    ['Valid until', found.notAfter],
    ['Profile', found.profile],
    ['Authority', found.authority],
    ['Principal', found.principal],
    ['Replaces', found.replaces],
    ['Replaced by', found.replacedBy],
    ['Revoked', revocation && `${revocation.revokedAt}, ${revocation.reason}`],
    ['Invalid since', revocation?.invalidityDate],
  ])
}
