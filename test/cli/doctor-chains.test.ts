import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { lookAtChains } from '../../src/cli/doctor/authorities.ts'
import { situation } from '../../src/cli/doctor/situation.ts'
import { chancery } from './console.ts'

test('by a clock that was set back a chain is as good as before: the clock is to be set, and no authority replaced', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'chancery-doctor-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const environment = { CHANCERY_DIR: directory, CHANCERY_TLS_PORT: '1' }
  const made = await chancery(['init'], environment)
  expect(made.exitCode, made.stderr).toBe(0)
  const clock = () => new Date(Date.now() - 30 * 86_400_000)
  const found = await situation({}, { environment, clock, stdout: () => {}, stderr: () => {} })
  expect(await lookAtChains(found.situation)).toEqual([
    {
      ...{ area: 'chain', verdict: 'failed', todo: 'Set the clock.' },
      what: expect.stringMatching(/^"intermediate" \(active\): valid from .* this machine’s clock says /),
    },
  ])
})
