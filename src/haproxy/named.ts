import { setTimeout as sleep } from 'node:timers/promises'
import { CaError } from '../errors.ts'
import type { HaproxyRuntime } from './runtime.ts'

/** As HAProxy's commands call it, and under the name that its configuration should have. */
export interface NamedFile {
  readonly kind: 'cert' | 'ca-file' | 'crl-file'
  readonly file: string
}

/** How often a HAProxy is asked that was reloaded just now, since the one of before may answer for a while, and milliseconds between. */
export const LOOKS_AFTER_RELOAD = 25
const PAUSE = 200

/**
 * After a reload: throws `CaError` "conflict" where HAProxy's configuration names one of the files by no such name, so that it was not
 * read, and no further reload would help. One that cannot be reached says nothing. `looks`: how often it is asked.
 */
export async function requireNamed(
  runtime: HaproxyRuntime,
  files: readonly NamedFile[],
  looks: number,
): Promise<void> {
  for (const { kind, file } of files) {
    for (let left = looks; await isUnnamed(runtime, kind, file); ) {
      left--
      if (left <= 0)
        throw new CaError(
          'conflict',
          `HAProxy was reloaded, and its configuration names no ${file}: give the file by the name that it has there ("show ssl ${kind}").`,
        )
      await sleep(PAUSE)
    }
  }
}

async function isUnnamed(runtime: HaproxyRuntime, kind: NamedFile['kind'], file: string): Promise<boolean> {
  try {
    return /not found/i.test(await runtime.command(`show ssl ${kind} ${file}`))
  } catch (error) {
    if (error instanceof CaError) return false
    throw error
  }
}
