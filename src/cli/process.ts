import { systemClock } from '../clock.ts'
import { processEnvironment } from '../config/environment.ts'
import type { Commands } from './commands.ts'
import { EXIT } from './exit-codes.ts'
import { run } from './program.ts'

/** Runs the command line of this process, whose exit status it sets. */
export async function runProcess(commands: Commands): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // Somebody who pipes into `head` has seen enough.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return
      if (stream === process.stdout)
        process.stderr.write(`chancery: What was to be shown here could not be written: ${error.message}.\n`)
      process.exit(EXIT.failed)
    })
  }
  process.exitCode = await run(process.argv.slice(2), commands, {
    environment: processEnvironment(),
    clock: systemClock,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
  })
}
