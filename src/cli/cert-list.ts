import { Command, Option } from 'commander'
import { type CertificateAnswer, nameList } from './answers.ts'
import { plain } from './layout.ts'
import { allPages, type Paged, type PageOptions, pageOptions, pageTable } from './pages.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface ListOptions extends ServiceOptions, PageOptions {
  readonly name?: string
  readonly state?: string
  readonly profile?: string
  readonly principal?: string
  readonly authority?: string
  readonly expiresBefore?: string
}

export function listCommand(terminal: Terminal): Command {
  const command = new Command('list')
    .description('Search the inventory; every filter given must match')
    .option('--name <name>', 'a whole name, or "*.example.test" for everything below it')
    .addOption(new Option('--state <state>', 'state').choices(['valid', 'revoked', 'held', 'expired']))
    .option('--profile <name>', 'profile')
    .option('--principal <id>', 'who asked: admin:default, token:17')
    .option('--authority <id>', 'authority that issued')
    .option('--expires-before <time>', 'RFC 3339: 2027-01-31T00:00:00Z')
  addServiceOptions(pageOptions(command)).action(async (options: ListOptions) => {
    const client = adminClient(options, terminal.environment)
    const { name, state, profile, principal, authority, expiresBefore } = options
    const query = { name, state, profile, principal, authority, expiresBefore }
    const page = await allPages<'certificates', CertificateAnswer>(
      client,
      '/v1/certificates',
      'certificates',
      query,
      options,
    )
    print(terminal, options.json, page, () => listing(page))
  })
  return command
}

function listing(page: Paged<'certificates', CertificateAnswer>): string {
  const rows = page.certificates.map((one) => [
    one.serialNumber,
    one.state ?? '',
    one.profile,
    one.notAfter,
    one.principal ?? '',
    plain(nameList(one.names)),
  ])
  const headings = ['serial number', 'state', 'profile', 'valid until', 'principal', 'names']
  return pageTable(page, headings, rows, '--all shows them, filters narrow them')
}
