import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM } from './harness.ts'
import { missing, run, workFolder } from './tools.ts'

test.skipIf(missing('strace'))(
  'what a backup that is killed leaves of the database goes with the next one to that place, whatever its name',
  async () => {
    const [directory, backups] = [workFolder(), workFolder()]
    const chancery = (...args: string[]) =>
      run(process.execPath, [PROGRAM, ...args], { environment: { CHANCERY_DIR: join(directory, 'data') } })
    expect(await chancery('init')).toMatchObject({ status: 0 })
    // Before it has its name.
    const kill = ['-e', 'trace=rename', '-e', 'inject=rename:signal=KILL:when=1']
    const backup = [PROGRAM, 'backup', '--dir', join(directory, 'data'), '--out', join(backups, 'first')]
    await run('strace', ['-f', '-qq', '-o', '/dev/null', ...kill, process.execPath, ...backup])
    expect(readdirSync(backups)).toEqual([expect.stringMatching(/^\.chancery-backup-/)])
    expect(await chancery('backup', '--out', join(backups, 'second'))).toMatchObject({ status: 0 })
    expect(readdirSync(backups)).toEqual(['second'])
  },
)
