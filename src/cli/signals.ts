import { write } from 'node:fs'
import { constants } from 'node:os'
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
        endAtOnce()
      }
    }
    process.on('SIGTERM', receive)
    process.on('SIGINT', receive)
  })
}

/**
 * Waits for the end of what a signal has ended, and not for ever: where it takes longer, as on a disk that does not answer, the process
 * ends at once. What was acknowledged is on the disk by then.
 */
export async function endWithin(ending: Promise<void>, milliseconds: number): Promise<void> {
  const late = setTimeout(() => {
    const words = `chancery: The service had not ended after ${milliseconds / 1000} seconds, perhaps since the disk does not answer: it was killed. What it acknowledged is kept.\n`
    // Standard error may be a file on that very disk.
    setTimeout(endAtOnce, LAST_WORDS_MILLISECONDS)
    write(2, words, endAtOnce)
  }, milliseconds)
  try {
    await ending
  } finally {
    clearTimeout(late)
  }
}

const LAST_WORDS_MILLISECONDS = 1000

/** The exit status that stands for SIGKILL. */
const KILLED = 128 + constants.signals.SIGKILL

/** Not by `process.exit`, which waits for each thread, and so for the one that waits for the disk. */
function endAtOnce(): void {
  process.kill(process.pid, 'SIGKILL')
  // Who goes on here is the first process of a container, to which its own signals do nothing: another program in its place does without threads.
  process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${KILLED})`], {})
}
