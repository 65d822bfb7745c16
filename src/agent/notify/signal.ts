import { readFileSync } from 'node:fs'
import type { Environment } from '../../config/environment.ts'
import type { NotificationConfig } from '../config.ts'
import { ConsumerAway } from './away.ts'
import { runCommand } from './command.ts'

/** To the process in the file, or to the main process of the unit. Throws an `Error` that says why not. */
export async function sendSignal(
  { signal, pidFile, unit, timeout }: NotificationConfig,
  environment: Environment,
): Promise<void> {
  if (unit !== undefined) {
    const argv = ['systemctl', 'kill', '--kill-who=main', `--signal=SIG${signal}`, unit]
    return runCommand(argv, { timeout, environment })
  }
  const text = readPidFile(pidFile!)
  // 0, 1 and negative numbers mean others than the one consumer.
  if (!/^\d{1,10}$/.test(text) || Number(text) < 2) throw new Error(`${pidFile} holds no process id.`)
  try {
    process.kill(Number(text), `SIG${signal}` as NodeJS.Signals)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ESRCH')
      throw new ConsumerAway(`There is no process ${text}, which ${pidFile} names.`, cause)
    throw new Error(`Process ${text} of ${pidFile} cannot be signalled: ${code ?? String(cause)}.`, { cause })
  }
}

function readPidFile(file: string): string {
  try {
    // PostgreSQL says more of itself on the lines below.
    return readFileSync(file, 'utf8').trim().split(/\s/, 1)[0]!
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new ConsumerAway(`There is no ${file}: its process does not run.`, cause)
  }
}
