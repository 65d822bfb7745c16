import { EXIT } from './cli/exit-codes.ts'
import { run } from './cli/program.ts'
import { systemClock } from './clock.ts'
import { processEnvironment } from './config/environment.ts'

/** The command line of `bin/chancery.js` and of `npm start`. */
for (const stream of [process.stdout, process.stderr]) {
  // Somebody who pipes into `head` has seen enough.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    if (stream === process.stdout)
      process.stderr.write(`chancery: What was to be shown here could not be written: ${error.message}.\n`)
    process.exit(EXIT.failed)
  })
}
process.exitCode = await run(process.argv.slice(2), {
  environment: processEnvironment(),
  clock: systemClock,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
})
