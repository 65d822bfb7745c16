import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { acmeCommand } from './acme.ts'
import { adminKeyCommand } from './admin-key.ts'
import { agentCommand } from './agent.ts'
import { authorityCommand } from './authority.ts'
import { backupCommand } from './backup.ts'
import { bundleCommand } from './bundle.ts'
import { certCommand } from './cert.ts'
import { crlCommand } from './crl.ts'
import { envoyCommand } from './envoy.ts'
import { estCommand } from './est.ts'
import { exitCodeTable } from './exit-codes.ts'
import { haproxyCommand } from './haproxy.ts'
import { initCommand } from './init.ts'
import { ocspCommand } from './ocsp.ts'
import { requestsCommand } from './request.ts'
import { restoreCommand } from './restore.ts'
import { rootCommand } from './root.ts'
import { serveCommand } from './serve.ts'
import type { Terminal } from './terminal.ts'
import { tokenCommand } from './token.ts'

/** Every command, with all that they load. */
export function buildProgram(terminal: Terminal): Command {
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
    .addCommand(agentCommand(terminal))
    .addCommand(adminKeyCommand(terminal))
    .addCommand(backupCommand(terminal))
    .addCommand(restoreCommand(terminal))
  return program
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
