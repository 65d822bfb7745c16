import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { packageFile } from '../package-files.ts'
import { EXIT, exitCodeTable } from './exit-codes.ts'
import { asFailure, Failure, renderFailure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** In the order in which they are shown. Each is loaded when it is run: the service starts without all the others. */
const COMMANDS: Record<string, () => Promise<(terminal: Terminal) => Command>> = {
  init: async () => (await import('./init.ts')).initCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  cert: async () => (await import('./cert.ts')).certCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
  est: async () => (await import('./est.ts')).estCommand,
  acme: async () => (await import('./acme.ts')).acmeCommand,
  request: async () => (await import('./request.ts')).requestsCommand,
  crl: async () => (await import('./crl.ts')).crlCommand,
  ocsp: async () => (await import('./ocsp.ts')).ocspCommand,
  authority: async () => (await import('./authority.ts')).authorityCommand,
  root: async () => (await import('./root.ts')).rootCommand,
  key: async () => (await import('./key.ts')).keyCommand,
  bundle: async () => (await import('./bundle.ts')).bundleCommand,
  envoy: async () => (await import('./envoy.ts')).envoyCommand,
  haproxy: async () => (await import('./haproxy.ts')).haproxyCommand,
  agent: async () => (await import('./agent.ts')).agentCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  'admin-key': async () => (await import('./admin-key.ts')).adminKeyCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  backup: async () => (await import('./backup.ts')).backupCommand,
  restore: async () => (await import('./restore.ts')).restoreCommand,
}

/** Runs one command line, without the program's own name, and gives its exit status. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.includes('--json')
  try {
    const program = await buildProgram(argv[0], terminal, json)
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

async function buildProgram(wanted: string | undefined, terminal: Terminal, json: boolean): Promise<Command> {
  const program = new Command('chancery')
    .description(
      'A certificate authority of your own: certificates over ACME and REST, OCSP, CRLs and trust bundles.',
    )
    .version(packageVersion())
    .addHelpText('after', `\n${exitCodeTable()}`)
  // Help, and the answer to a word that is no command, name them all.
  const one = wanted === undefined || !Object.hasOwn(COMMANDS, wanted) ? null : COMMANDS[wanted]!
  for (const load of one ? [one] : Object.values(COMMANDS)) program.addCommand((await load())(terminal))
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
