import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CrlFiles } from '../../src/crl/crl-files.ts'
import { toolIsMissing } from '../pki/external-tool.ts'
import { listOf, SCOPE } from './file-content.ts'

let folder: string
let directory: string
let files: CrlFiles
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-crl-files-'))
  directory = join(folder, 'crls')
  files = new CrlFiles(directory)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const nameOf = (number: number) => `issuing.all.full.${number}.crl`
const PROGRAM = new URL('./writing-crl.ts', import.meta.url).pathname

/** Each is let begin once more before the process dies, until the process comes to its end. */
const CALLS = ['mkdir', 'openat', 'write', 'fdatasync', 'fsync', 'rename', 'unlink']

test.skipIf(toolIsMissing('strace'))(
  'killed at any system call, it leaves the old or the new list whole, and the next one clears up',
  { timeout: 120_000 },
  async () => {
    let kills = 0
    for (const call of CALLS) {
      for (let nth = 1; ; nth++) {
        rmSync(directory, { recursive: true, force: true })
        await files.write(SCOPE, 'full', 1, listOf(1))
        const paths = ['', nameOf(1), nameOf(2), `.${nameOf(2)}`].flatMap((name) => [
          '-P',
          join(directory, name).replace(/\/$/, ''),
        ])
        const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`]
        const args = ['-f', '-qq', '-o', '/dev/null', ...paths, ...inject]
        // One thread makes all calls, so that they are counted in one.
        const { status, signal, stderr } = spawnSync(
          'strace',
          [...args, process.execPath, PROGRAM, directory, '2'],
          { env: { ...process.env, UV_THREADPOOL_SIZE: '1' }, encoding: 'utf8' },
        )
        const old = await files.read(SCOPE, 'full', 1)
        const young = await files.read(SCOPE, 'full', 2)
        expect(old?.equals(listOf(1)) ?? true).toBe(true)
        expect(young?.equals(listOf(2)) ?? true).toBe(true)
        if (signal === null) {
          expect([status, stderr]).toEqual([0, ''])
          expect(readdirSync(directory)).toEqual([nameOf(2)])
          break
        }
        expect(signal).toBe('SIGKILL')
        expect(old ?? young, `${call} ${nth}`).not.toBeNull()
        kills++
        await files.write(SCOPE, 'full', 3, listOf(3))
        expect(readdirSync(directory)).toEqual([nameOf(3)])
      }
    }
    expect(kills).toBeGreaterThan(12)
  },
)

test('makes no data directory anew in the place of one that was moved away', async () => {
  rmSync(folder, { recursive: true })
  await expect(files.write(SCOPE, 'full', 1, listOf(1))).rejects.toMatchObject({
    code: 'storeFailed',
    detail: expect.stringContaining('ENOENT'),
  })
  expect(existsSync(folder)).toBe(false)
})

test.skipIf(toolIsMissing('strace')).each([
  ['write', 'ENOSPC'],
  ['write', 'EIO'],
  ['fdatasync', 'EIO'],
  ['fsync', 'EIO'],
  ['rename', 'EIO'],
])(
  '%s fails with %s: the reason is told, the older list stays and no part of the newer one',
  async (call, error) => {
    await files.write(SCOPE, 'full', 1, listOf(1))
    const paths = [nameOf(2), `.${nameOf(2)}`].flatMap((name) => ['-P', join(directory, name)])
    const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:error=${error}`]
    const { status, stderr } = spawnSync(
      'strace',
      ['-f', '-qq', '-o', '/dev/null', ...paths, ...inject, process.execPath, PROGRAM, directory, '2'],
      { encoding: 'utf8' },
    )
    expect(status).toBe(1)
    expect(stderr).toMatch(new RegExp(`storeFailed: The CRL could not be kept in ${directory}: ${error}`))
    expect(readdirSync(directory)).toEqual([nameOf(1)])
  },
)

test.skipIf(toolIsMissing('strace'))(
  'the older list goes only after the directory was synced with the newer one in it',
  () => {
    const args = ['-f', '-qq', '-y', '-e', 'trace=fsync,rename,unlink', '-e', 'status=successful']
    const write = (number: number) =>
      spawnSync('strace', [...args, process.execPath, PROGRAM, directory, String(number)], {
        encoding: 'utf8',
      }).stderr
    write(1)
    const calls = [...write(2).matchAll(/(fsync|rename|unlink)\((.*?)\)? += 0/g)].map(
      ([, call, parameters]) => `${call} ${/[^/<>"]*(?=[>"]*$)/.exec(parameters!)![0]}`,
    )
    expect(calls).toEqual([`fsync .${nameOf(2)}`, `rename ${nameOf(2)}`, 'fsync crls', `unlink ${nameOf(1)}`])
  },
)

test('what is not the whole of a CRL is not taken for one', async () => {
  await files.write(SCOPE, 'full', 1, listOf(1))
  const path = join(directory, nameOf(1))
  for (const length of [statSync(path).size - 1, 4096, 0]) {
    truncateSync(path, length)
    await expect(files.read(SCOPE, 'full', 1)).rejects.toMatchObject({
      code: 'storeFailed',
      message: expect.stringContaining(path),
    })
  }
  expect(existsSync(path)).toBe(true)
  expect(await files.read(SCOPE, 'full', 2)).toBeNull()
})
