import { Command } from 'commander'
import { lookAtChains, lookAtIssuersBetween, lookAtNamed, lookAtPreferences } from './doctor/authorities.ts'
import { lookAtBackups, lookAtDisk, lookAtKeys, lookAtPermissions } from './doctor/files.ts'
import { type Finding, look } from './doctor/finding.ts'
import { lookAsRelyingParty } from './doctor/relying-party.ts'
import { lookAtClocks, lookAtReadiness } from './doctor/service.ts'
import { situation } from './doctor/situation.ts'
import { EXIT } from './exit-codes.ts'
import { Failure } from './failure.ts'
import { plain } from './layout.ts'
import { addServiceOptions, type ServiceOptions } from './service.ts'
import { print, type Terminal } from './terminal.ts'

interface DoctorOptions extends ServiceOptions {
  readonly backups?: string
}

/** Looks at everything that a CA needs to go on for years, from inside and as a relying party. */
export function doctorCommand(terminal: Terminal): Command {
  const command = new Command('doctor')
    .description(
      'Check keys, chains, clocks, disk, permissions, and CRL and OCSP as relying parties see them',
    )
    .option('--backups <folder>', 'a backup, or the folder that holds them: how old is the newest?')
  addServiceOptions(command).action(async (options: DoctorOptions) => {
    const findings = await examine(options, terminal)
    const count = (verdict: Finding['verdict']) => findings.filter((one) => one.verdict === verdict).length
    const [warnings, failures] = [count('warning'), count('failed')]
    print(terminal, options.json, { healthy: failures === 0, warnings, failures, findings }, () =>
      report(findings),
    )
    if (failures > 0)
      throw new Failure(EXIT.failed, failures === 1 ? 'One check failed.' : `${failures} checks failed.`)
  })
  return command
}

async function examine(options: DoctorOptions, terminal: Terminal): Promise<Finding[]> {
  const { situation: all, findings } = await situation(options, terminal)
  const areAuthoritiesKnown = !findings.some(
    ({ area, verdict }) => area === 'database' && verdict === 'failed',
  )
  try {
    return [
      ...findings,
      ...(await lookAtReadiness(all)),
      ...(await look('permissions', 'Look at the directory.', () => lookAtPermissions(all))),
      ...(await lookAtKeys(all)),
      ...(await look('disk', 'Look at the directory.', () => lookAtDisk(all))),
      ...(await lookAtClocks(all, terminal.clock)),
      ...(areAuthoritiesKnown
        ? [
            ...(await lookAtChains(all)),
            ...lookAtPreferences(all),
            ...lookAtNamed(all),
            ...lookAtIssuersBetween(all),
          ]
        : []),
      ...(await look('crl', 'See the log of the service.', () => lookAsRelyingParty(all))),
      ...(await look('backups', 'Name a backup, or a folder that holds them.', () =>
        lookAtBackups(options.backups, all),
      )),
    ]
  } finally {
    all.client?.close()
  }
}

/** Like openssl: one line a check, its verdict at the end where it is well. */
function report(findings: readonly Finding[]): string {
  return findings
    .map(({ area, verdict, what, todo }) => {
      const line = `${verdict.padEnd(8)} ${area.padEnd(12)} ${plain(what)}\n`
      return todo ? `${line}${' '.repeat(22)}${plain(todo)}\n` : line
    })
    .join('')
}
