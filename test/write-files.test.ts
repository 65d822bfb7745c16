import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { nameNewFile, writeFiles } from '../src/write-files.ts'
import { temporaryDirectory } from './config/temporary.ts'

const synced = vi.hoisted((): string[] => [])
vi.mock('../src/durable-files.ts', async (original) => {
  const files = await original<typeof import('../src/durable-files.ts')>()
  const syncDirectory = (directory: string) => {
    synced.push(directory)
    files.syncDirectory(directory)
  }
  return { ...files, syncDirectory }
})

const links = vi.hoisted(() => ({ areThere: true }))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const linkSync: typeof fs.linkSync = (...names) => {
    if (links.areThere) return fs.linkSync(...names)
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })
  }
  return { ...fs, linkSync }
})

test.each([
  ['has hard links', true],
  ['has none', false],
])('a new file gets its name, and takes no other’s place, where the file system %s', (_, areThere) => {
  const dir = temporaryDirectory()
  const [beside, path] = [join(dir, '.beside'), join(dir, 'export')]
  links.areThere = areThere
  try {
    synced.length = 0
    writeFileSync(beside, 'first')
    expect(nameNewFile(beside, path)).toBe(true)
    expect(synced).toEqual([dir])
    expect(readdirSync(dir)).toEqual(['export'])
    writeFileSync(beside, 'second')
    expect(nameNewFile(beside, path)).toBe(false)
    expect(readFileSync(path, 'utf8')).toBe('first')
  } finally {
    links.areThere = true
  }
})

test('the new names are synced, and those of directories that were made', () => {
  const dir = temporaryDirectory()
  synced.length = 0
  writeFiles([
    { path: join(dir, 'key'), content: 'k', mode: 0o600 },
    { path: join(dir, 'a', 'b', 'cert'), content: 'c', mode: 0o644 },
  ])
  expect(synced.sort()).toEqual([dir, join(dir, 'a'), join(dir, 'a', 'b')])
})

test('writes with the mode asked for, into directories that it makes', () => {
  const dir = temporaryDirectory()
  writeFiles([
    { path: join(dir, 'a', 'key'), content: 'k', mode: 0o600 },
    { path: join(dir, 'a', 'cert'), content: 'c', mode: 0o644 },
  ])
  expect(readdirSync(join(dir, 'a')).sort()).toEqual(['cert', 'key'])
  expect(statSync(join(dir, 'a', 'key')).mode & 0o777).toBe(0o600)
})

test('replaces a file whole, and its mode with it', () => {
  const dir = temporaryDirectory()
  const path = join(dir, 'key')
  writeFileSync(path, 'a longer text', { mode: 0o644 })
  writeFiles([{ path, content: 'k', mode: 0o600 }])
  expect(readFileSync(path, 'utf8')).toBe('k')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('where one file cannot be written, none is changed and nothing is left behind', () => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'key'), 'old')
  writeFileSync(join(dir, 'plain'), '')
  const files = [
    { path: join(dir, 'key'), content: 'new', mode: 0o600 },
    { path: join(dir, 'plain', 'cert'), content: 'new', mode: 0o644 },
  ]
  expect(() => writeFiles(files)).toThrow()
  expect(readFileSync(join(dir, 'key'), 'utf8')).toBe('old')
  expect(readdirSync(dir).sort()).toEqual(['key', 'plain'])
})

test('a failed rename leaves no temporary file', () => {
  const dir = temporaryDirectory()
  mkdirSync(join(dir, 'taken', 'inside'), { recursive: true })
  expect(() => writeFiles([{ path: join(dir, 'taken'), content: 'x', mode: 0o644 }])).toThrow()
  expect(readdirSync(dir)).toEqual(['taken'])
  expect(existsSync(join(dir, 'taken', 'inside'))).toBe(true)
})
