import { SERVE } from './cli/commands.ts'
import { runProcess } from './cli/process.ts'

/** The command line of `chancery serve`, and so of `npm start`, as it is bundled: in few files, which a start finds sooner than many. */
await runProcess(SERVE)
