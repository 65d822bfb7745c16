import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { PROGRAM } from './harness.ts'
import { cleanEnvironment, workFolder } from './tools.ts'

vi.setConfig({ testTimeout: 60_000 })

const isRoot = process.geteuid?.() === 0
const USER = isRoot ? 65_534 : process.geteuid!()
const as = isRoot ? { uid: USER, gid: USER } : {}

/** By a user to whom modes mean something. */
const command = (...args: string[]) =>
  spawnSync(process.execPath, [PROGRAM, ...args], { ...as, env: cleanEnvironment(), encoding: 'utf8' })
/** Where the tests lie in root's home, say, nobody else can run the program. */
const isHidden = command('--version').status !== 0

let dir: string
beforeEach(() => {
  const folder = workFolder()
  if (isRoot) chownSync(folder, USER, USER)
  dir = join(folder, 'data')
  expect(command('init', '--dir', dir).status).toBe(0)
})

const readers = () => [
  ['admin-key', 'list', '--offline', '--dir', dir],
  ['audit', 'verify', '--dir', dir],
  ['backup', '--dir', dir, '--out', join(dir, '..', 'backup')],
]

function expectRefused(args: readonly string[], ...words: string[]): void {
  const { status, stderr } = command(...args)
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(`${dir}/chancery.db`) })
  for (const word of [`as who this runs`, `user ${USER}`, ...words]) expect(stderr).toContain(word)
}

test.skipIf(isHidden)('a database that its mode keeps from being written is named, with what to do', () => {
  const file = join(dir, 'chancery.db')
  chmodSync(file, 0o400)
  expectRefused(readers()[0]!, 'may not be written', 'its mode is 0400', `chmod u+rwX ${file}`)
  chmodSync(file, 0)
  for (const args of readers()) expectRefused(args, `${file} may not be read`, 'its mode is 0000')
})

test.skipIf(isHidden)('a folder that takes no files of SQLite is named, and no room asked for', () => {
  chmodSync(dir, 0o500)
  for (const args of readers()) expectRefused(args, `${dir} may not be written`, 'its mode is 0500')
  chmodSync(dir, 0o600)
  for (const args of [readers()[0]!, readers()[2]!]) expectRefused(args, `${dir} may not be entered`)
  chmodSync(dir, 0o700)
})

test.skipIf(isHidden || !isRoot)(
  'a database of another user is named with its owner and whoever asks',
  () => {
    const file = join(dir, 'chancery.db')
    chownSync(file, 0, 0)
    for (const args of readers())
      expectRefused(args, 'it belongs to user 0, group 0, and its mode is 0600', `chown ${USER} ${file}`)
  },
)

test.skipIf(isHidden || !isRoot)(
  'the lock that a command of root makes keeps the service’s user from nothing',
  () => {
    const [lock, args] = [join(dir, 'chancery.db.lock'), readers()[0]!]
    rmSync(lock)
    const byRoot = spawnSync(process.execPath, [PROGRAM, ...args], { env: cleanEnvironment() })
    expect(byRoot.status).toBe(0)
    expect(statSync(lock).uid).toBe(USER)
    expect(command(...args)).toMatchObject({ status: 0, stderr: '' })
  },
)
