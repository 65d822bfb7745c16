import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** An empty directory that goes away with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The detail of the `CaError` that `work` throws; fails if it throws nothing. */
export function refusal(work: () => unknown): { code: string; detail: string } {
  try {
    work()
  } catch (error) {
    const { code, detail } = error as { code: string; detail: string }
    return { code, detail }
  }
  throw new Error('nothing was refused')
}
