import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** True where the tool is missing and that is acceptable: on a developer's machine, never in CI. */
export function toolIsMissing(tool: string): boolean {
  // To these "version" would be a host to ask, a package to fetch and run, or nothing that keeps a server from starting.
  const harmless =
    { keytool: '-help', curl: '--version', npx: '--version', 'pebble-challtestsrv': '-help' }[tool] ??
    'version'
  const missing = spawnSync(tool, [harmless]).error !== undefined
  if (missing && process.env.CI) throw new Error(`${tool} must be installed where CI is set`)
  return missing
}

/** Runs a tool in a directory that holds `files`. Gives what it printed; throws its complaint unless it succeeds. */
export function runTool(
  tool: string,
  args: readonly string[],
  files: Readonly<Record<string, string | Uint8Array>> = {},
): string {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-tool-'))
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
    const env = { ...process.env, LC_ALL: 'C' }
    const done = spawnSync(tool, args, { cwd: directory, encoding: 'utf8', env })
    if (done.status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${done.stderr}${done.stdout}`)
    return done.stdout
  } finally {
    rmSync(directory, { recursive: true })
  }
}
