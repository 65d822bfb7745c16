import { Command, CommanderError } from 'commander'
import { EXIT } from './exit-codes.ts'
import { asFailure, renderFailure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** Runs one command line, without the program's own name, and gives its exit status. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const program = await programFor(argv, terminal)
    redirect(program, terminal)
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    // Commander has printed its message already; help and version are no mistake.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const failure = asFailure(error)
    terminal.stderr(renderFailure(failure, argv.includes('--json')))
    return failure.exitCode
  }
}

/** The agent runs on many machines and is started often: it loads nothing of the service. */
async function programFor(argv: readonly string[], terminal: Terminal): Promise<Command> {
  if (argv[0] !== 'agent') return (await import('./program.ts')).buildProgram(terminal)
  const { agentCommand } = await import('./agent.ts')
  return new Command('chancery').addCommand(agentCommand(terminal))
}

/** Commander neither exits nor writes by itself. Subcommands made elsewhere do not inherit this. */
function redirect(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)')
    .configureOutput({ writeOut: terminal.stdout, writeErr: terminal.stderr })
  for (const child of command.commands) redirect(child, terminal)
}
