import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { installAuthority } from '../ca/hierarchy/install.ts'
import { dataFiles } from '../config/data-directory.ts'
import { giveToOwner } from '../durable-files.ts'
import { decodePem, encodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import { isOffline, type OfflineOptions, offlineAudit, withStore } from './offline.ts'
import { addServiceOptions, adminClient } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface InstallOptions extends OfflineOptions {
  readonly authority: string
}

export function installCommand(terminal: Terminal): Command {
  const command = new Command('install')
    .description('Install the signed certificate of an intermediate, after proving that key and chain fit')
    .argument('<file>', 'PEM: the signed certificate, then its issuers, the root last')
    .option('--authority <id>', 'id of the authority', 'intermediate')
    .option('--offline', 'work on the data directory itself; the service must be stopped')
  addServiceOptions(command).action(async (file: string, options: InstallOptions) => {
    const pem = readFileSync(file, 'utf8')
    const { authority } = options
    if (isOffline(options, terminal)) await installOffline(pem, options, terminal)
    else {
      const path = `/v1/authorities/${encodeURIComponent(authority)}/certificate`
      await adminClient(options, terminal.environment).send('PUT', path, {
        body: pem,
        contentType: 'application/pem-certificate-chain',
        accept: 'application/json',
      })
    }
    print(
      terminal,
      options.json,
      { authority, installed: true },
      () => `Authority ${authority} has its certificate.\n`,
    )
  })
  return command
}

async function installOffline(pem: string, options: InstallOptions, terminal: Terminal): Promise<void> {
  const chain = decodePem(pem, 'certificate chain').map(({ der }) => der)
  await withStore(options, terminal, async (store, dir) => {
    const audit = offlineAudit('authority.install', options.authority, terminal)
    await installAuthority(store, options.authority, chain, terminal.clock(), audit)
    // From now on commands prove the service with this root.
    const { root } = dataFiles(dir)
    writeFiles([{ path: root, content: encodePem('CERTIFICATE', chain.at(-1)!), mode: 0o644 }])
    giveToOwner(dir, root)
  })
}
