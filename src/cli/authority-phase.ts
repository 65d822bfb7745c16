import { Command, Option } from 'commander'
import type { AuthorityAnswer } from './answers.ts'
import { collect } from './option-values.ts'
import { addServiceOptions, adminClient, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface PhaseOptions extends ServiceOptions {
  readonly others?: string
  readonly force?: readonly string[]
  readonly reason?: string
  readonly dryRun?: boolean
}

interface PhaseAnswer {
  readonly changed: boolean
  readonly becomesDefault: boolean
  readonly moves: readonly { readonly id: string; readonly from: string; readonly to: string }[]
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
  readonly authority: AuthorityAnswer
}

const WORDS = {
  staged: ['stage', 'Let an authority issue no more, and stay in the bundles: it may be activated again'],
  active: ['activate', 'Let an authority issue, also for the one that it replaces; checks come first'],
  retired: [
    'retire',
    'Let an authority issue no more; its CRL and OCSP answers go on until its last certificate ends',
  ],
} as const

/** `authority stage`, `activate` and `retire`: one audited move, after the service's checks. */
export function phaseCommand(phase: keyof typeof WORDS, terminal: Terminal): Command {
  const [name, description] = WORDS[phase]
  const command = new Command(name)
    .description(description)
    .argument('<id>', 'id of the authority')
    .option(
      '--force <check>',
      'go on although this check fails, and say so in the audit log; repeatable',
      collect,
    )
    .option('--reason <text>', 'for the audit log')
    .option('--dry-run', 'change nothing, and show how the checks stand')
  if (phase === 'active') {
    command.addOption(
      new Option('--others <phase>', 'what the authorities become whose place it takes')
        .choices(['retired', 'staged', 'active'])
        .default('retired'),
    )
  }
  addServiceOptions(command).action(async (id: string, options: PhaseOptions) => {
    const { others, force, reason, dryRun } = options
    const client = adminClient(options, terminal.environment)
    const path = `/v1/authorities/${encodeURIComponent(id)}/phase`
    const answer = await client.json<PhaseAnswer>('POST', path, {
      body: { phase, others, force, reason, dryRun },
    })
    print(terminal, options.json, answer, () => report(answer))
  })
  return command
}

function report({ changed, becomesDefault, moves, checks, authority }: PhaseAnswer): string {
  const lines = [
    ...checks.map(({ name, ok, detail }) => `${ok ? 'ok    ' : 'failed'}  ${name.padEnd(11)}  ${detail}`),
    ...moves.map(
      ({ id, from, to }) => `${changed ? '' : 'Would change: '}Authority ${id} is ${to} (was ${from}).`,
    ),
    ...(becomesDefault
      ? [`${changed ? '' : 'Would change: '}Authority ${authority.id} is the default.`]
      : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
