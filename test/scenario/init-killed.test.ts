import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM } from './harness.ts'
import { missing, run, workFolder } from './tools.ts'

test.skipIf(missing('strace'))(
  'an init that is killed once its database is in place has left the address that its certificate has',
  async () => {
    const directory = workFolder()
    const init = [
      process.execPath,
      PROGRAM,
      'init',
      '--dir',
      directory,
      '--public-url',
      'http://ca.example.test',
    ]
    const database = join(directory, '.initialising', 'chancery.db')
    const kill = [
      '-e',
      'trace=?rename,?renameat,?renameat2',
      '-e',
      'inject=?rename,?renameat,?renameat2:signal=KILL',
    ]
    await run('strace', ['-f', '-qq', '-o', '/dev/null', '-P', database, ...kill, ...init])
    const again = await run(init[0]!, init.slice(1))
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('had made a CA') })
    expect(readFileSync(join(directory, 'chancery.yaml'), 'utf8')).toBe('publicUrl: http://ca.example.test\n')
  },
)
