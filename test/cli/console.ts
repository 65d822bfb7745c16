import { COMMANDS } from '../../src/cli/all-commands.ts'
import { run } from '../../src/cli/program.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { systemClock } from '../../src/clock.ts'
import type { Environment } from '../../src/config/environment.ts'

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command line in this process, with an environment of its own. */
export async function chancery(argv: readonly string[], environment: Environment = {}): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  const terminal: Terminal = {
    environment,
    clock: systemClock,
    stdout: (text) => {
      stdout += text
    },
    stderr: (text) => {
      stderr += text
    },
  }
  const exitCode = await run(argv, COMMANDS, terminal)
  return { exitCode, stdout, stderr }
}
