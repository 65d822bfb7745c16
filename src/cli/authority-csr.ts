import { Command } from 'commander'
import { encodePem } from '../pki/pem.ts'
import { writeFiles } from '../write-files.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { isOffline, type OfflineOptions, withStore } from './offline.ts'
import { addServiceOptions, adminClient } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface CsrOptions extends OfflineOptions {
  readonly out?: string
}

export function csrCommand(terminal: Terminal): Command {
  const command = new Command('csr')
    .description('Print the CSR of an intermediate, for a root elsewhere to sign')
    .argument('[id]', 'id of the authority', 'intermediate')
    .option('--out <file>', 'write it there instead')
    .option('--offline', 'read the data directory itself; the service must be stopped')
  addServiceOptions(command).action(async (id: string, options: CsrOptions) => {
    const csr = isOffline(options, terminal)
      ? await readCsr(id, options, terminal)
      : await fetchCsr(id, options, terminal)
    if (options.out) writeFiles([{ path: options.out, content: csr, mode: 0o644 }])
    print(terminal, options.json, { authority: id, csr }, () =>
      options.out ? `Wrote ${options.out}.\n` : csr,
    )
  })
  return command
}

async function fetchCsr(id: string, options: CsrOptions, terminal: Terminal): Promise<string> {
  const client = adminClient(options, terminal.environment)
  const { body } = await client.send('GET', `/v1/authorities/${encodeURIComponent(id)}/csr`, {
    accept: 'application/x-pem-file',
  })
  return body.toString('latin1')
}

function readCsr(id: string, options: CsrOptions, terminal: Terminal): Promise<string> {
  return withStore(options, terminal, async (store) => {
    const row = (await store.read.authorities()).find((one) => one.id === id)
    if (!row?.csr) throw new Failure(EXIT.notFound, `There is no authority "${id}" with a key here.`)
    return encodePem('CERTIFICATE REQUEST', row.csr)
  })
}
