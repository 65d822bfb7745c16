import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EXIT } from '../../src/cli/exit-codes.ts'

test.skipIf(!existsSync('/dev/full'))(
  'output that cannot be written ends with 1, and says so in one line',
  () => {
    const full = openSync('/dev/full', 'w')
    const program = new URL('../../src/cli.ts', import.meta.url).pathname
    const { status, stderr } = spawnSync(process.execPath, [program, '--help'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    expect(status).toBe(EXIT.failed)
    expect(stderr).toMatch(/^chancery: What was to be shown here could not be written: ENOSPC.*\n$/)
  },
)
