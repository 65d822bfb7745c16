import { createWriteStream, existsSync, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { exportAudit } from '../ca/audit-chain/export.ts'
import { besideOf } from '../durable-files.ts'
import { nameNewFile } from '../write-files.ts'
import { openAuditLog } from './audit-log.ts'
import { auditVerifyCommand } from './audit-verify.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { plain } from './layout.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function auditCommand(terminal: Terminal): Command {
  return new Command('audit')
    .description('Who did what: read the audit log, take it elsewhere, and prove that nobody rewrote it')
    .addCommand(listCommand(terminal))
    .addCommand(exportCommand(terminal))
    .addCommand(auditVerifyCommand(terminal))
}

interface ListOptions extends ServiceOptions, PageOptions {
  readonly actor?: string
  readonly action?: string
  readonly target?: string
  readonly from?: string
  readonly to?: string
}

interface AuditAnswer {
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly result: string
}

function listCommand(terminal: Terminal): Command {
  const command = pageOptions(new Command('list').description('List entries, newest first'))
    .option('--actor <id>', 'of one caller: admin:ops, token:17')
    .option('--action <action>', 'such as certificate.issue')
    .option('--target <target>', 'what it was done to, such as a serial number')
    .option('--from <time>', 'RFC 3339')
    .option('--to <time>', 'RFC 3339')
  addServiceOptions(command).action(async (options: ListOptions) => {
    const { actor, action, target, from, to } = options
    const client = adminClient(options, terminal.environment)
    const query = { actor, action, target, from, to }
    const page = await allPages<'entries', AuditAnswer>(client, '/v1/audit', 'entries', query, options)
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['time', 'actor', 'action', 'target', 'result'],
        page.entries.map(({ at, ...entry }) => [
          ...[at, plain(entry.actor), entry.action, plain(entry.target), entry.result],
        ]),
      ),
    )
  })
  return command
}

interface ExportOptions extends ServiceOptions {
  readonly out?: string
  readonly after?: string
  readonly offline?: boolean
}

function exportCommand(terminal: Terminal): Command {
  const command = new Command('export')
    .description('Write the audit log as JSON lines, with hashes and signed heads, for "audit verify --file"')
    .option('--out <file>', 'where it goes; a file that exists is left alone (standard output)')
    .option('--after <id>', 'only what is behind this row')
    .option('--offline', 'read the data directory itself; the service may run')
  addServiceOptions(command).action(async (options: ExportOptions) => {
    const { after = '0', out } = options
    if (!/^\d{1,15}$/.test(after)) throw new Failure(EXIT.usage, '--after is the id of a row.')
    if (out !== undefined && existsSync(out)) throw existing(out)
    if (!options.offline) {
      const client = adminClient(options, terminal.environment)
      await write(client.stream('/v1/audit/export', { query: { after } }), options, terminal)
      return
    }
    const source = openAuditLog(options, terminal)
    try {
      await write(exportAudit(source, Number(after)), options, terminal)
    } finally {
      source.close()
    }
  })
  return command
}

async function write(
  parts: AsyncIterable<string | Buffer>,
  { out, json }: ExportOptions,
  terminal: Terminal,
): Promise<void> {
  if (out === undefined) {
    // Octets come in pieces that may end within a character.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    for await (const part of parts)
      terminal.stdout(typeof part === 'string' ? part : decoder.decode(part, { stream: true }))
    return
  }
  // Not before there is something to write: who is refused leaves no file.
  const rest = parts[Symbol.asyncIterator]()
  const first = await rest.next()
  if (first.done) return
  const all = async function* () {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => rest }
  }
  // A part of it would look like an export, and stand in the way of the next one: the name comes last.
  const beside = besideOf(out)
  try {
    await pipeline(all, createWriteStream(beside, { flags: 'wx', mode: 0o600, flush: true }))
    if (!nameNewFile(beside, out)) throw existing(out)
  } finally {
    rmSync(beside, { force: true })
  }
  print(terminal, json, { file: out }, () => '')
}

function existing(out: string): Failure {
  return new Failure(EXIT.failed, `${out} exists already, and was left as it is. Choose another file.`)
}
