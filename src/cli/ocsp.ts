import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { OcspInstallAnswer } from './answers.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function ocspCommand(terminal: Terminal): Command {
  return new Command('ocsp').description('OCSP responses').addCommand(installCommand(terminal))
}

function installCommand(terminal: Terminal): Command {
  const command = new Command('install')
    .description(
      'Bring an OCSP response of an authority whose key is elsewhere, such as the root, to be served here',
    )
    .argument('<authority>', 'id of the authority')
    .argument('<file>', 'the response, DER, from "root ocsp" or from the root’s own tools')
  addServiceOptions(command).action(async (authority: string, file: string, options: ServiceOptions) => {
    const path = `/v1/authorities/${encodeURIComponent(authority)}/ocsp`
    const answer = await adminClient(options, terminal.environment).json<OcspInstallAnswer>('PUT', path, {
      body: readFileSync(file),
      contentType: 'application/ocsp-response',
    })
    print(
      terminal,
      options.json,
      answer,
      () =>
        `Authority ${authority} says of ${answer.serialNumber}: ${answer.status}, until ${answer.nextUpdate}.\n`,
    )
  })
  return command
}
