import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PROGRAM } from './harness.ts'
import { missing, run, workFolder } from './tools.ts'

test.skipIf(missing('strace'))(
  'after a restore that is killed nothing makes a new CA in its place, and the next restore brings the old one',
  async () => {
    const folder = workFolder()
    const [old, backup, restored] = [join(folder, 'old'), join(folder, 'backup'), join(folder, 'restored')]
    const chancery = (dir: string, ...args: string[]) =>
      run(process.execPath, [PROGRAM, ...args], { environment: { CHANCERY_DIR: dir } })
    expect(await chancery(old, 'init')).toMatchObject({ status: 0 })
    expect(await chancery(old, 'backup', '--out', backup)).toMatchObject({ status: 0 })

    // Where the numbers in the copy are to go on: the files are there, and what follows is not.
    const database = join(restored, '.restoring', 'chancery.db')
    const kill = ['-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:signal=KILL:when=2']
    const restore = ['restore', backup, '--dir', restored]
    const command = [process.execPath, PROGRAM, ...restore]
    await run('strace', ['-f', '-qq', '-o', '/dev/null', '-P', database, ...kill, ...command])
    expect(existsSync(database)).toBe(true)

    const refusal = { status: 1, stderr: expect.stringContaining('restore into') }
    expect(await chancery(restored, 'init')).toMatchObject(refusal)
    expect(await chancery(restored, 'serve')).toMatchObject(refusal)
    expect(await chancery(restored, ...restore)).toMatchObject({ status: 0 })
    const root = (dir: string) => readFileSync(join(dir, 'root.pem'), 'utf8')
    expect(root(restored)).toBe(root(old))
  },
)
