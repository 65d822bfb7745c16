import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface InstallAnswer {
  readonly roots: readonly string[]
  readonly crls: readonly string[]
  readonly crossCertificates: number
}

export function rootInstallCommand(terminal: Terminal): Command {
  const command = new Command('install')
    .description('Let the service publish another root, with its CRL, and cross-certificates between roots')
    .argument(
      '<files...>',
      'PEM: roots, their CRLs ("root crl"), cross-certificates ("root cross"), in any order',
    )
  addServiceOptions(command).action(async (files: string[], options: ServiceOptions) => {
    const body = files.map((file) => readFileSync(file, 'utf8')).join('\n')
    const client = adminClient(options, terminal.environment)
    const installed = await client.json<InstallAnswer>('POST', '/v1/roots', {
      body,
      contentType: 'application/x-pem-file',
    })
    print(terminal, options.json, installed, () =>
      [
        ...installed.roots.map((id) => `Root ${id} is in the bundles.\n`),
        ...installed.crls.map((id) => `The CRL of root ${id} is replaced.\n`),
        ...(installed.crossCertificates > 0 ? [`Cross-certificates: ${installed.crossCertificates}.\n`] : []),
      ].join(''),
    )
  })
  return command
}
