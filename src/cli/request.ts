import { Command, Option } from 'commander'
import { type IssuedAnswer, nameList, type RequestAnswer } from './answers.ts'
import { facts, plain } from './layout.ts'
import { addNameOptions, type NameOptions, namesByType, namesFrom } from './names.ts'
import { collect } from './option-values.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function requestsCommand(terminal: Terminal): Command {
  return new Command('request')
    .description('Requests that wait for approval')
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(approveCommand(terminal))
    .addCommand(refuseCommand(terminal))
}

function requestPath(id: string, verb = ''): string {
  return `/v1/requests/${encodeURIComponent(id)}${verb}`
}

function listCommand(terminal: Terminal): Command {
  const command = new Command('list')
    .description('Requests, newest first')
    .addOption(new Option('--state <state>', 'state').choices(['pending', 'approved', 'refused', 'expired']))
  type ListOptions = ServiceOptions & PageOptions & { readonly state?: string }
  addServiceOptions(pageOptions(command)).action(async (options: ListOptions) => {
    const client = adminClient(options, terminal.environment)
    const { state } = options
    const page = await allPages<'requests', RequestAnswer>(
      client,
      '/v1/requests',
      'requests',
      { state },
      options,
    )
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['id', 'state', 'requested by', 'profile', 'expires', 'names'],
        page.requests.map((one) => [
          String(one.id),
          one.state,
          one.requestedBy,
          one.profile,
          one.expiresAt,
          plain(nameList(one.names)),
        ]),
      ),
    )
  })
  return command
}

function showCommand(terminal: Terminal): Command {
  const command = new Command('show')
    .description('Show one request')
    .argument('<id>', 'id, as "request list" shows it')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const found = await client.json<RequestAnswer>('GET', requestPath(id))
    print(terminal, options.json, found, () => description(found))
  })
  return command
}

function description(found: RequestAnswer): string {
  return facts([
    ['Request', String(found.id)],
    ['State', found.state],
    ['Requested by', found.requestedBy],
    ['Over', found.protocol],
    ['Profile', found.profile],
    ['Authority', found.authority],
    ['Subject', plain(found.subject)],
    ['Names', plain(nameList(found.names))],
    ['Key', `${found.keyType}, SHA-256 ${found.keySha256}`],
    ['Life', found.validity === null ? found.notAfter : `${found.validity} s`],
    ['Replaces', found.replaces],
    ['Made', found.createdAt],
    ['Expires', found.state === 'pending' ? found.expiresAt : null],
    ['Decided', found.decidedAt && `${found.decidedAt}, ${found.decidedBy}`],
    ['Reason', found.reason && plain(found.reason)],
    ['Certificate', found.serialNumber],
  ])
}

interface ApproveOptions extends ServiceOptions, NameOptions {
  readonly validity?: string
  readonly notAfter?: string
}

function approveCommand(terminal: Terminal): Command {
  const command = new Command('approve')
    .description('Issue what was asked for; the caller gets it when it asks again')
    .argument('<id>', 'id, as "request list" shows it')
    .option('--name <name>', 'only the names given, of those asked for; repeatable', collect)
  addNameOptions(command)
    .option('--validity <duration>', 'a shorter life than was asked for: 24h, 30d')
    .option('--not-after <time>', 'an earlier end, RFC 3339: 2027-01-31T00:00:00Z')
  addServiceOptions(command).action(async (id: string, options: ApproveOptions) => {
    const client = adminClient(options, terminal.environment)
    const names = namesFrom(options)
    const { validity, notAfter } = options
    const body = { names: names.length > 0 ? namesByType(names) : undefined, validity, notAfter }
    const issued = await client.json<IssuedAnswer>('POST', requestPath(id, '/approve'), { body })
    print(terminal, options.json, issued, () =>
      facts([
        ['Serial number', issued.serialNumber],
        ['Names', plain(nameList(issued.names))],
        ['Valid until', issued.notAfter],
      ]),
    )
  })
  return command
}

function refuseCommand(terminal: Terminal): Command {
  const command = new Command('refuse')
    .description('Refuse a request; the caller is told the reason when it asks again')
    .argument('<id>', 'id, as "request list" shows it')
    .requiredOption('--reason <text>', 'one line, for the caller')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions & { reason: string }) => {
    const client = adminClient(options, terminal.environment)
    const body = { reason: options.reason }
    const refused = await client.json<RequestAnswer>('POST', requestPath(id, '/refuse'), { body })
    print(terminal, options.json, refused, () => `Request ${id} is refused.\n`)
  })
  return command
}
