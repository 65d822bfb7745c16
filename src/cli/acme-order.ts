import { Command } from 'commander'
import type { AcmeProblemAnswer, AuthorizationAnswer, OrderAnswer } from './acme-answers.ts'
import { nameList } from './answers.ts'
import { facts, plain, table } from './layout.ts'
import { allPages, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

const PATH = '/v1/acme/orders'

export function orderCommand(terminal: Terminal): Command {
  return new Command('order')
    .description('ACME orders, and why one is stuck')
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
}

interface ListOptions extends ServiceOptions, PageOptions {
  readonly account?: string
}

function listCommand(terminal: Terminal): Command {
  const command = pageOptions(new Command('list').description('List orders, newest first')).option(
    '--account <id>',
    'of one account',
  )
  addServiceOptions(command).action(async (options: ListOptions) => {
    const client = adminClient(options, terminal.environment)
    const { account } = options
    const page = await allPages<'orders', OrderAnswer>(client, PATH, 'orders', { account }, options)
    print(terminal, options.json, page, () =>
      pageTable(
        page,
        ['id', 'account', 'status', 'created', 'profile', 'certificate', 'names'],
        page.orders.map((order) => [
          String(order.id),
          String(order.account),
          order.status,
          order.createdAt,
          order.profile,
          order.certificate ?? '',
          plain(nameList(order.names)),
        ]),
      ),
    )
  })
  return command
}

function showCommand(terminal: Terminal): Command {
  const command = new Command('show')
    .description('Show an order, its challenges, and what was found instead of their answers')
    .argument('<id>', 'id, as "acme order list" shows it')
  addServiceOptions(command).action(async (id: string, options: ServiceOptions) => {
    const client = adminClient(options, terminal.environment)
    const order = await client.json<OrderAnswer & { authorizations: readonly AuthorizationAnswer[] }>(
      'GET',
      `${PATH}/${encodeURIComponent(id)}`,
    )
    print(terminal, options.json, order, () =>
      [
        facts([
          ['Order', String(order.id)],
          ['Account', String(order.account)],
          ['Status', order.status],
          ['Profile', order.profile],
          ['Names', plain(nameList(order.names))],
          ['Created', order.createdAt],
          ['Expires', order.certificate === null ? order.expiresAt : null],
          ['Certificate', order.certificate],
          ['Error', reason(order.error)],
        ]),
        table(
          ['name', 'challenge', 'status', 'attempts', 'found'],
          order.authorizations.flatMap(challengeRows),
        ),
      ].join('\n'),
    )
  })
  return command
}

/** Of an authorization that is settled, only the challenge that settled it. */
function challengeRows({ name, wildcard, status, challenges }: AuthorizationAnswer): string[][] {
  const shown = plain(wildcard ? name.replace(':', ':*.') : name)
  const settling = challenges.filter((one) => one.status === status)
  const rows = settling.length > 0 ? settling : challenges
  return rows.map((one) => {
    const stands = one.status === 'pending' && status !== 'pending' ? status : one.status
    return [shown, one.type, stands, String(one.attempts), reason(one.error)]
  })
}

function reason(problem: AcmeProblemAnswer | null): string {
  return plain(problem?.detail ?? problem?.type ?? '')
}
