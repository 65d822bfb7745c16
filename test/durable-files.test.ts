import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makePrivateDirectory, writeNewFile } from '../src/durable-files.ts'
import { temporaryDirectory } from './config/temporary.ts'

test('a new file has the mode asked for, and nothing else is left beside it', () => {
  const dir = temporaryDirectory()
  writeNewFile(join(dir, 'secret'), 'text', 0o600)
  expect(readdirSync(dir)).toEqual(['secret'])
  expect(readFileSync(join(dir, 'secret'), 'utf8')).toBe('text')
  expect(statSync(join(dir, 'secret')).mode & 0o777).toBe(0o600)
})

test('an existing file is never replaced', () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'secret'), 'old')
  expect(() => writeNewFile(join(dir, 'secret'), 'new', 0o600)).toThrow('EEXIST')
  expect(readFileSync(join(dir, 'secret'), 'utf8')).toBe('old')
  expect(readdirSync(dir)).toEqual(['secret'])
})

const MODULE = new URL('../src/config/secrets.ts', import.meta.url).href

// No file may grow: as on a full disk, or where the process dies between making a file and filling it.
test('a secret that could not be written whole is not there at all, and the next start makes it', () => {
  const dir = temporaryDirectory()
  const program = `import { ensurePassphrase } from '${MODULE}'; ensurePassphrase({ passphrase: null }, '${dir}')`
  const run = (limit: string) =>
    spawnSync('bash', ['-c', `${limit} exec "$0" --input-type=module -e "$1"`, process.execPath, program])
  expect(run('ulimit -f 0;').status).not.toBe(0)
  expect(existsSync(join(dir, 'passphrase'))).toBe(false)
  expect(run('').status).toBe(0)
  expect(readFileSync(join(dir, 'passphrase'), 'utf8')).toMatch(/^[\w-]{43}\n$/)
})

test('a directory is for its owner alone, with what was missing above it; one that is there stays as it is', () => {
  const dir = temporaryDirectory()
  const mode = (...path: string[]) => statSync(join(dir, ...path)).mode & 0o777
  makePrivateDirectory(join(dir, 'a', 'b'))
  expect([mode('a'), mode('a', 'b')]).toEqual([0o700, 0o700])
  mkdirSync(join(dir, 'open'), { mode: 0o755 })
  makePrivateDirectory(join(dir, 'open'))
  expect(mode('open')).toBe(0o755)
})

// Node's own recursive mkdir tries again for ever: hence another process.
test.skipIf(!existsSync('/proc/self'))(
  'where a file system lets nothing be made, making a directory ends with its error',
  () => {
    const module = new URL('../src/durable-files.ts', import.meta.url).href
    const program = `import { makePrivateDirectory } from '${module}'; makePrivateDirectory('/proc/chancery/data')`
    const made = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
    expect([made.status, made.signal]).toEqual([1, null])
    expect(made.stderr.toString()).toContain('ENOENT')
  },
  30_000,
)

test('a directory below a file, and one in the place of a file, are refused', () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'file'), '')
  expect(() => makePrivateDirectory(join(dir, 'file'))).toThrow('EEXIST')
  expect(() => makePrivateDirectory(join(dir, 'file', 'below'))).toThrow(/EEXIST|ENOTDIR/)
})
