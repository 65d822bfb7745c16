import { COMMANDS } from './cli/all-commands.ts'
import { runProcess } from './cli/process.ts'

/** The command line of `bin/chancery.js`. */
await runProcess(COMMANDS)
