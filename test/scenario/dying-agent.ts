import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/**
 * One `chancery agent --once` that is killed just before its n-th change to the disk: DIE_BEFORE says which, and 0 none. The number of
 * changes goes to standard output at the end.
 */
const dieBefore = Number(process.env.DIE_BEFORE)
const CHANGES = [
  'mkdirSync',
  'openSync',
  'writeFileSync',
  'renameSync',
  'rmSync',
  'symlinkSync',
  'fchmodSync',
] as const
let count = 0
let isWatching = false
for (const name of CHANGES) {
  const real = fs[name] as (...args: unknown[]) => unknown
  const counted = (...args: unknown[]) => {
    const isRead = name === 'openSync' && (args[1] === 'r' || args[1] === undefined)
    if (isWatching && !isRead && ++count === dieBefore) process.kill(process.pid, 'SIGKILL')
    return real(...args)
  }
  Object.assign(fs, { [name]: counted })
}
syncBuiltinESMExports()

const { COMMANDS } = await import('../../src/cli/all-commands.ts')
const { run } = await import('../../src/cli/program.ts')
const { systemClock } = await import('../../src/clock.ts')
isWatching = true
process.exitCode = await run(process.argv.slice(2), COMMANDS, {
  environment: process.env,
  clock: systemClock,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
})
isWatching = false
process.stdout.write(`changes ${count}\n`)
