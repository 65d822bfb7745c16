import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { acmeCommand } from './acme.ts'
import { adminKeyCommand } from './admin-key.ts'
import { authorityCommand } from './authority.ts'
import { backupCommand } from './backup.ts'
import { bundleCommand } from './bundle.ts'
import { certCommand } from './cert.ts'
import { crlCommand } from './crl.ts'
import { envoyCommand } from './envoy.ts'
import { estCommand } from './est.ts'
import { EXIT, exitCodeTable } from './exit-codes.ts'
import { asFailure, renderFailure } from './failure.ts'
import { haproxyCommand } from './haproxy.ts'
import { initCommand } from './init.ts'
import { ocspCommand } from './ocsp.ts'
import { requestsCommand } from './request.ts'
import { restoreCommand } from './restore.ts'
import { rootCommand } from './root.ts'
import { serveCommand } from './serve.ts'
import type { Terminal } from './terminal.ts'
import { tokenCommand } from './token.ts'

/** Runs one command line, without the program's own name, and gives its exit status. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await buildProgram(terminal).parseAsync([...argv], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    // Commander has printed its message already; help and version are no mistake.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    const failure = asFailure(error)
    terminal.stderr(renderFailure(failure, argv.includes('--json')))
    return failure.exitCode
  }
}

function buildProgram(terminal: Terminal): Command {
  const program = new Command('chancery')
    .description(
      'A certificate authority of your own: certificates over ACME and REST, OCSP, CRLs and trust bundles.',
    )
    .version(packageVersion())
    .addHelpText('after', `\n${exitCodeTable()}`)
    .addCommand(initCommand(terminal))
    .addCommand(serveCommand(terminal))
    .addCommand(certCommand(terminal))
    .addCommand(tokenCommand(terminal))
    .addCommand(estCommand(terminal))
    .addCommand(acmeCommand(terminal))
    .addCommand(requestsCommand(terminal))
    .addCommand(crlCommand(terminal))
    .addCommand(ocspCommand(terminal))
    .addCommand(authorityCommand(terminal))
    .addCommand(rootCommand(terminal))
    .addCommand(bundleCommand(terminal))
    .addCommand(envoyCommand(terminal))
    .addCommand(haproxyCommand(terminal))
    .addCommand(adminKeyCommand(terminal))
    .addCommand(backupCommand(terminal))
    .addCommand(restoreCommand(terminal))
  redirect(program, terminal)
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
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
