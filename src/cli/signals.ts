import type { Clock } from '../clock.ts'

/**
 * One Ctrl-C may arrive twice: from the terminal, which signals the whole process group, and again from npm or from
 * `bin/chancery.js`, which pass it on. Only a later one is a person who does not want to wait.
 */
const ECHO_MILLISECONDS = 1000

/** Resolves at the first SIGTERM or SIGINT. The next one, if it is no echo of the first, ends the process at once. */
export function untilSignal(clock: Clock): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined
    const receive = (signal: NodeJS.Signals) => {
      const now = clock().getTime()
      if (first === undefined) {
        first = now
        resolve(signal)
      } else if (Math.abs(now - first) > ECHO_MILLISECONDS) {
        // Also where the clock was set back in between.
        process.exit(1)
      }
    }
    process.on('SIGTERM', receive)
    process.on('SIGINT', receive)
  })
}
