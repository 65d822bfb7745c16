import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { packageFile } from '../package-files.ts'
import type { Commands } from './commands.ts'
import { EXIT, exitCodeTable } from './exit-codes.ts'
import { asFailure, Failure, renderFailure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** Runs one command line, without the program's own name, and gives its exit status. */
export async function run(argv: readonly string[], commands: Commands, terminal: Terminal): Promise<number> {
  const json = argv.includes('--json')
  try {
    const program = await buildProgram(argv[0], commands, terminal, json)
    await program.parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    // Commander has printed its message already, but for programs; help and version are no mistake.
    if (error instanceof CommanderError && (error.exitCode === 0 || !json))
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const failure = error instanceof CommanderError ? usageFailure(error) : asFailure(error)
    terminal.stderr(renderFailure(failure, json))
    return failure.exitCode
  }
}

function usageFailure({ code, message }: CommanderError): Failure {
  if (code === 'commander.help')
    return new Failure(EXIT.usage, 'A command is missing: --help shows which there are.')
  return new Failure(EXIT.usage, message.replace(/^error: /, ''))
}

async function buildProgram(
  wanted: string | undefined,
  commands: Commands,
  terminal: Terminal,
  json: boolean,
): Promise<Command> {
  const program = new Command('chancery')
    .description(
      'A certificate authority of your own: certificates over ACME, EST and REST, OCSP, CRLs and trust bundles.',
    )
    .version(packageVersion())
    .addHelpText('after', `\n${exitCodeTable()}`)
  // Help, and the answer to a word that is no command, name them all.
  const one = wanted === undefined || !Object.hasOwn(commands, wanted) ? null : commands[wanted]!
  for (const load of one ? [one] : Object.values(commands)) program.addCommand((await load())(terminal))
  redirect(program, json ? { ...terminal, stderr: () => {} } : terminal)
  return program
}

/** Commander neither exits nor writes by itself. Subcommands made elsewhere do not inherit this. */
function redirect(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)')
    .configureOutput({ writeOut: terminal.stdout, writeErr: terminal.stderr })
  for (const child of command.commands) redirect(child, terminal)
}

function packageVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
