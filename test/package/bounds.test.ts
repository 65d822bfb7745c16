import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { npmStart } from '../../bench/npm-start.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))

test('the image has the bounds of `npm start`', () => {
  const { environment, flags } = npmStart(checkout)
  const lines = readFileSync(join(checkout, 'deploy/Containerfile'), 'utf8').split('\n')
  const entry = lines.find((line) => line.startsWith('ENTRYPOINT '))!.slice('ENTRYPOINT '.length)
  expect(JSON.parse(entry).slice(1, -1)).toEqual(flags)
  const settings = lines.flatMap((line) => /^ENV (MALLOC_\w+)=(.*)$/.exec(line)?.slice(1, 3) ?? [])
  expect(settings).toEqual(Object.entries(environment).flat())
})

test('and so has a service that is started without them', () => {
  const { environment, flags } = npmStart(checkout)
  expect(Object.keys(environment)).toContain('MALLOC_ARENA_MAX')
  const folder = mkdtempSync(join(tmpdir(), 'chancery-bounds-'))
  try {
    const [look, seen] = [join(folder, 'look.cjs'), join(folder, 'seen.json')]
    // It starts once more in its own place; what is written last is of the process that serves.
    writeFileSync(
      look,
      `require('node:fs').writeFileSync(${JSON.stringify(seen)}, JSON.stringify([process.execArgv, process.env]))`,
    )
    const others = Object.entries(process.env).filter(([name]) => !/^(?:MALLOC_|NODE_OPTIONS$)/.test(name))
    execFileSync(process.execPath, ['--require', look, 'bin/chancery.js', 'serve', '--help'], {
      cwd: checkout,
      env: Object.fromEntries(others),
    })
    const [execArgv, variables] = JSON.parse(readFileSync(seen, 'utf8'))
    expect(execArgv).toEqual(['--require', look, ...flags])
    expect(variables).toMatchObject(environment)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
