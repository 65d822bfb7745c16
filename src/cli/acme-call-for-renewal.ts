import { Command } from 'commander'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface CallOptions extends ServiceOptions {
  readonly authority?: string
  readonly startsAt?: string
  readonly within: string
  readonly explanationUrl?: string
}

interface CallAnswer {
  readonly certificates: number
  readonly startsAt: string
  readonly endsAt: string
}

export function callForRenewalCommand(terminal: Terminal): Command {
  const command = new Command('call-for-renewal')
    .description('Tell ACME clients to renew before their time, by renewal information (RFC 9773)')
    .argument('[serial...]', 'serial numbers, hexadecimal; colons are fine')
    .option('--authority <id>', 'instead: all that this authority has issued until now')
    .option('--starts-at <time>', 'RFC 3339: 2027-01-31T00:00:00Z (now)')
    .option('--within <duration>', 'over how long they spread themselves: 10m, 7d', '1h')
    .option('--explanation-url <url>', 'a page for people, which clients may show')
  addServiceOptions(command).action(async (serialNumbers: readonly string[], options: CallOptions) => {
    const { authority, startsAt, within, explanationUrl } = options
    if (serialNumbers.length > 0 === (authority !== undefined)) {
      throw new Failure(EXIT.usage, 'Give serial numbers, or --authority with the one that issued.')
    }
    const which = authority === undefined ? { serialNumbers } : { authority }
    const client = adminClient(options, terminal.environment)
    const answer = await client.json<CallAnswer>('POST', '/v1/renewal-calls', {
      body: { ...which, startsAt, within, explanationUrl },
    })
    const { certificates, startsAt: from, endsAt: to } = answer
    print(
      terminal,
      options.json,
      answer,
      () =>
        `${certificates === 1 ? '1 certificate is' : `${certificates} certificates are`} to be renewed between ${from} and ${to}.\n`,
    )
  })
  return command
}
