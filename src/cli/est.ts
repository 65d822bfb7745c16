import { Command } from 'commander'
import { facts, plain } from './layout.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

export function estCommand(terminal: Terminal): Command {
  const user = new Command('user')
    .description('Who enrols over EST by name and password')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(revokeCommand(terminal))
  return new Command('est').description('Enrolment over Secure Transport').addCommand(user)
}

interface UserAnswer {
  readonly name: string
  readonly label: string | null
  readonly names: readonly string[] | null
  readonly expiresAt: string | null
  readonly state?: string
}

interface CreateOptions extends ServiceOptions {
  readonly label?: string
  readonly allow?: readonly string[]
  readonly ttl?: string
}

function createCommand(terminal: Terminal): Command {
  const command = new Command('create')
    .description('Make a user; its password is generated, and shown this once')
    .argument('<name>', 'the user name')
    .option('--label <label>', 'the only label that it opens (any)')
    .option(
      '--allow <names...>',
      'what it may enrol: "example.test" and all below, an address, "10.0.0.0/8" (those of the label)',
    )
    .option('--ttl <duration>', 'how long it can be used: 24h, 90d (for ever)')
  addServiceOptions(command).action(async (name: string, options: CreateOptions) => {
    const client = adminClient(options, terminal.environment)
    const { label, allow: names, ttl } = options
    const body = { name, label, names, ttl }
    const user = await client.json<UserAnswer & { password: string }>('POST', '/v1/est/users', { body })
    print(terminal, options.json, user, () =>
      facts([
        ['User', user.name],
        ['Password', user.password],
        ['Label', user.label ?? 'any'],
        ['Names', namesOf(user)],
        ['Expires', user.expiresAt ?? 'never'],
      ]),
    )
  })
  return command
}

function listCommand(terminal: Terminal): Command {
  const command = pageOptions(new Command('list').description('List users, newest first'))
  addServiceOptions(command).action(async (options: ServiceOptions & PageOptions) => {
    const client = adminClient(options, terminal.environment)
    const page = await allPages<'users', UserAnswer>(client, '/v1/est/users', 'users', {}, options)
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['name', 'state', 'label', 'names', 'expires'],
        page.users.map((user) => [
          plain(user.name),
          user.state ?? '',
          user.label ?? 'any',
          plain(namesOf(user)),
          user.expiresAt ?? 'never',
        ]),
      ),
    )
  })
  return command
}

function revokeCommand(terminal: Terminal): Command {
  const command = new Command('revoke').description('Make a user’s password useless').argument('<name>')
  addServiceOptions(command).action(async (name: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const path = `/v1/est/users/${encodeURIComponent(name)}`
    const answer = await client.json<{ changed: boolean }>('DELETE', path)
    print(terminal, options.json, answer, () =>
      answer.changed ? `EST user ${name} is revoked.\n` : `EST user ${name} was revoked before.\n`,
    )
  })
  return command
}

function namesOf({ names }: UserAnswer): string {
  return names?.join(', ') ?? 'those of the label'
}
