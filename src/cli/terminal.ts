import type { Clock } from '../clock.ts'
import type { Environment } from '../config/environment.ts'

/** All that a command sees of the process, so that tests can run one without a process. */
export interface Terminal {
  readonly environment: Environment
  readonly clock: Clock
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
}

/** Standard output is either this one JSON document or what `people` gives, never both. */
export function print(
  terminal: Terminal,
  json: boolean | undefined,
  value: unknown,
  people: () => string,
): void {
  terminal.stdout(json ? `${JSON.stringify(value, null, 2)}\n` : people())
}
