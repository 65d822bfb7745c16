import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where bench/peers/install.sh puts what Debian does not have. */
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'chancery-bench', 'bin')

/** A peer that cannot be measured here. `message` is its row's text. */
export class NotInstalled extends Error {
  constructor(tool: string) {
    super(`not installed: bench/peers/install.sh installs ${tool}`)
  }
}

/** The path of a program. Throws `NotInstalled`. */
export function tool(name: string): string {
  for (const folder of [CACHE, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, name)
    if (isExecutable(path)) return path
  }
  throw new NotInstalled(name)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What was made, or the reason why a peer cannot be had here, for its row. */
export async function unlessMissing<T>(made: Promise<T>): Promise<T | string> {
  try {
    return await made
  } catch (error) {
    if (error instanceof NotInstalled) return error.message
    throw error
  }
}
