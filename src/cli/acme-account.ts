import { Command } from 'commander'
import { type AccountAnswer, limitList } from './acme-answers.ts'
import { facts, plain } from './layout.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

const PATH = '/v1/acme/accounts'

export function accountCommand(terminal: Terminal): Command {
  return new Command('account')
    .description('ACME accounts')
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(deactivateCommand(terminal))
}

interface ListOptions extends ServiceOptions, PageOptions {
  readonly externalKey?: string
}

function listCommand(terminal: Terminal): Command {
  const command = pageOptions(new Command('list').description('List accounts, newest first')).option(
    '--external-key <kid>',
    'those that were made with this key, as "acme eab list" shows it',
  )
  addServiceOptions(command).action(async (options: ListOptions) => {
    const client = adminClient(options, terminal.environment)
    const { externalKey } = options
    const page = await allPages<'accounts', AccountAnswer>(client, PATH, 'accounts', { externalKey }, options)
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['id', 'status', 'created', 'from', 'external key', 'contacts'],
        page.accounts.map((account) => [
          String(account.id),
          account.status,
          account.createdAt,
          account.createdFrom,
          account.externalKey?.kid ?? '',
          plain(account.contacts.join(', ')),
        ]),
      ),
    )
  })
  return command
}

function showCommand(terminal: Terminal): Command {
  const command = new Command('show')
    .description('Show an account and what it may order')
    .argument('<id>', 'id, as "acme account list" shows it')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const account = await client.json<AccountAnswer>('GET', accountPath(id))
    const { externalKey } = account
    print(terminal, options.json, account, () =>
      facts([
        ['Account', String(account.id)],
        ['Status', account.status],
        ['Contacts', plain(account.contacts.join(', '))],
        ['Key', account.thumbprint],
        ['Created', `${account.createdAt}, from ${account.createdFrom}`],
        ['Terms agreed', account.termsAgreedAt],
        ['External key', externalKey?.kid],
        ['Profiles', externalKey && limitList(externalKey.profiles)],
        ['Names', externalKey && plain(limitList(externalKey.names))],
      ]),
    )
  })
  return command
}

function deactivateCommand(terminal: Terminal): Command {
  const command = new Command('deactivate')
    .description('End an account for good, with its open orders; its certificates stay')
    .argument('<id>', 'id, as "acme account list" shows it')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const answer = await client.json<AccountAnswer & { changed: boolean }>(
      'POST',
      `${accountPath(id)}/deactivate`,
    )
    print(terminal, options.json, answer, () =>
      answer.changed ? `Account ${id} is ended.\n` : `Account ${id} was ${answer.status} before.\n`,
    )
  })
  return command
}

function accountPath(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`
}
