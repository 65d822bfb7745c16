import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { crlDer } from '../pki/crl/der-or-pem.ts'
import { encodePem } from '../pki/pem.ts'
import type { CrlAnswer } from './answers.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function installCommand(terminal: Terminal): Command {
  const command = new Command('install')
    .description('Bring a CRL of an authority whose key is elsewhere, such as the root, to be served here')
    .argument('<authority>', 'id of the authority')
    .argument('<file>', 'the CRL, PEM or DER, from "root crl" or from the root’s own tools')
  addServiceOptions(command).action(async (authority: string, file: string, options: ServiceOptions) => {
    const crl = crlDer(readFileSync(file))
    const path = `/v1/authorities/${encodeURIComponent(authority)}/crl`
    const answer = await adminClient(options, terminal.environment).json<CrlAnswer>('PUT', path, {
      body: encodePem('X509 CRL', crl),
      contentType: 'application/x-pem-file',
    })
    print(
      terminal,
      options.json,
      answer,
      () =>
        `Authority ${authority} has CRL number ${answer.number}: ${answer.entries} revoked, valid until ${answer.nextUpdate}.\n`,
    )
  })
  return command
}
