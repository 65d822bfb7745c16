import { Command } from 'commander'
import { type EabKeyAnswer, limitList } from './acme-answers.ts'
import { facts, plain } from './layout.ts'
import { collect } from './option-values.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

const PATH = '/v1/acme/eab-keys'

export function eabCommand(terminal: Terminal): Command {
  return new Command('eab')
    .description('Keys of external account binding: who may make an account, and what for')
    .addCommand(createCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(revokeCommand(terminal))
}

interface CreateOptions extends ServiceOptions {
  readonly profile?: readonly string[]
  readonly name?: readonly string[]
  readonly reusable?: boolean
  readonly ttl?: string
}

function createCommand(terminal: Terminal): Command {
  const command = new Command('create')
    .description('Make a key; its account may have what is named here and nothing else')
    .option('--profile <name>', 'a profile that it may order; repeatable (all that ACME offers)', collect)
    .option(
      '--name <pattern>',
      'example.test for that and all below it, a network, an address; repeatable (any)',
      collect,
    )
    .option('--reusable', 'for any number of accounts instead of one')
    .option('--ttl <duration>', 'for how long accounts can be made with it: 1h, 30d (for ever)')
  addServiceOptions(command).action(async (options: CreateOptions) => {
    const client = adminClient(options, terminal.environment)
    const { profile: profiles, name: names, reusable = false, ttl } = options
    const body = { profiles, names, singleUse: !reusable, ttl }
    const key = await client.json<{ kid: string; hmacKey: string; expiresAt: string | null }>('POST', PATH, {
      body,
    })
    print(terminal, options.json, key, () =>
      facts([
        ['Key id', key.kid],
        ['HMAC key', key.hmacKey],
        ['Profiles', limitList(profiles ?? null)],
        ['Names', limitList(names ?? null)],
        ['Accounts', reusable ? 'any number' : 'one'],
        ['Expires', key.expiresAt ?? 'never'],
      ]),
    )
  })
  return command
}

function listCommand(terminal: Terminal): Command {
  const command = pageOptions(new Command('list').description('List keys, newest first; never their secrets'))
  addServiceOptions(command).action(async (options: ServiceOptions & PageOptions) => {
    const client = adminClient(options, terminal.environment)
    const page = await allPages<'eabKeys', EabKeyAnswer>(client, PATH, 'eabKeys', {}, options)
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['key id', 'state', 'for', 'accounts', 'expires', 'profiles', 'names'],
        page.eabKeys.map((key) => [
          key.kid,
          key.state,
          key.singleUse ? 'one' : 'many',
          String(key.accounts),
          key.expiresAt ?? 'never',
          limitList(key.profiles),
          plain(limitList(key.names)),
        ]),
      ),
    )
  })
  return command
}

function revokeCommand(terminal: Terminal): Command {
  const command = new Command('revoke')
    .description('Let no further account be made with a key; those that were stay, within its limits')
    .argument('<kid>', 'key id, as "acme eab list" shows it')
  addServiceOptions(command).action(async (kid: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const answer = await client.json<{ changed: boolean }>('DELETE', `${PATH}/${encodeURIComponent(kid)}`)
    print(
      terminal,
      options.json,
      answer,
      () =>
        `Key ${kid} ${answer.changed ? 'is revoked' : 'was revoked before'}. Accounts that were made with it: "acme account list --external-key ${kid}".\n`,
    )
  })
  return command
}
