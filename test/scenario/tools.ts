import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { toolIsMissing } from '../pki/external-tool.ts'

export interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** True where one of the tools is missing and that is acceptable: `test.skipIf(missing('openssl', 'curl'))`. */
export function missing(...tools: string[]): boolean {
  // Each is asked, so that CI names the first that is not there.
  return tools.map(toolIsMissing).some(Boolean)
}

/** A new empty folder, gone when the test file is done. */
export function workFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-scenario-'))
  folders.add(folder)
  return folder
}

const folders = new Set<string>()
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Without the variables that would lead a command to somebody's own CA, and in the language that tests expect. */
export function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(CHANCERY_|NODE_OPTIONS|VITEST)/.test(name))
  return { ...(Object.fromEntries(kept) as Record<string, string>), LC_ALL: 'C' }
}

interface RunOptions {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs a program to its end, whatever that is. */
export function run(
  program: string,
  args: readonly string[],
  { cwd, environment = {}, input = '' }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...cleanEnvironment(), ...environment },
      // A tool that waits for an answer that never comes must not outlive its test.
      timeout: 150_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stdout, stderr }))
    // A program that does not read its input is no failure of the test.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** Runs a tool in a folder. It must succeed; gives all that it printed. */
export async function tool(cwd: string, program: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, { cwd })
  expect(status, `${program} ${args.join(' ')}\n${stdout}${stderr}`).toBe(0)
  return stdout + stderr
}

/** The same for a command line given as text: words are parted by single spaces. */
export function command(cwd: string, line: string): Promise<string> {
  const [program, ...args] = line.split(' ')
  return tool(cwd, program!, ...args)
}
