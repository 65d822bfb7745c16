import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Environment } from '../../config/environment.ts'

/** What a command printed is quoted in an error up to this. Characters. */
const QUOTED = 300

/**
 * Runs a program, without a shell, to its end; killed after `timeout` seconds. Throws an `Error` with the end of what it printed where it
 * does not end with 0.
 */
export function runCommand(
  argv: readonly string[],
  { timeout, environment }: { readonly timeout: number; readonly environment: Environment },
): Promise<void> {
  const [program, ...args] = argv as [string, ...string[]]
  return new Promise((resolve, reject) => {
    let output = ''
    const child = spawn(program, args, {
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // Not by spawn's own, which is there until its output is closed.
    const late = setTimeout(() => child.kill('SIGKILL'), timeout * 1000)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-QUOTED)
      })
    child.on('error', (error) => {
      clearTimeout(late)
      reject(new Error(`${program} cannot be run: ${error.message}.`))
    })
    // "exit", not "close": what it started may go on and hold its output open.
    child.on('exit', (code, signal) => {
      clearTimeout(late)
      // Read for as long as this process goes on, which does not wait for it.
      for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref()
      if (code === 0) return resolve()
      const how =
        signal === null ? `ended with ${code}` : `was ended by ${signal}, perhaps after ${timeout} seconds`
      reject(new Error(`${program} ${how}: ${output.trim().replaceAll('\n', ' ')}`))
    })
  })
}
