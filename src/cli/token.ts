import { Command } from 'commander'
import { nameList, type TokenAnswer } from './answers.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { facts, plain } from './layout.ts'
import { addNameOptions, type NameOptions, namesByType, namesFrom } from './names.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function tokenCommand(terminal: Terminal): Command {
  return new Command('token')
    .description('One-time enrolment tokens')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(revokeCommand(terminal))
}

interface CreateOptions extends ServiceOptions, NameOptions {
  readonly profile?: string
  readonly ttl: string
}

function createCommand(terminal: Terminal): Command {
  const command = new Command('create')
    .description('Make a token that enrols one certificate for the names given')
    .option('--profile <name>', 'profile of the certificate (the default one of the service)')
    .option('--ttl <duration>', 'how long the token can be used: 10m, 24h', '1h')
  addServiceOptions(addNameOptions(command)).action(async (options: CreateOptions) => {
    const names = namesFrom(options)
    if (names.length === 0)
      throw new Failure(EXIT.usage, 'Name what the token is for: --dns, --ip, --uri or --email.')
    const client = adminClient(options, terminal.environment)
    const body = { profile: options.profile, names: namesByType(names), ttl: options.ttl }
    const token = await client.json<TokenAnswer & { token: string }>('POST', '/v1/tokens', { body })
    print(terminal, options.json, token, () =>
      facts([
        ['Token', token.token],
        ['Id', String(token.id)],
        ['Profile', token.profile],
        ['Names', nameList(token.names)],
        ['Expires', token.expiresAt],
      ]),
    )
  })
  return command
}

function listCommand(terminal: Terminal): Command {
  const command = pageOptions(
    new Command('list').description('List tokens, newest first; never their secrets'),
  )
  addServiceOptions(command).action(async (options: ServiceOptions & PageOptions) => {
    const client = adminClient(options, terminal.environment)
    const page = await allPages<'tokens', TokenAnswer>(client, '/v1/tokens', 'tokens', {}, options)
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['id', 'state', 'profile', 'names', 'expires'],
        page.tokens.map((token) => [
          String(token.id),
          token.state ?? '',
          token.profile,
          plain(nameList(token.names)),
          token.expiresAt,
        ]),
      ),
    )
  })
  return command
}

function revokeCommand(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description('Make a token useless')
    .argument('<id>', 'id, as "token list" shows it')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const answer = await client.json<{ changed: boolean }>('DELETE', `/v1/tokens/${encodeURIComponent(id)}`)
    print(terminal, options.json, answer, () =>
      answer.changed ? `Token ${id} is revoked.\n` : `Token ${id} was spent or revoked before.\n`,
    )
  })
  return command
}
