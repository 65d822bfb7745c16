import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, expect, test, vi } from 'vitest'
import { createDatabase, openStore } from '../../src/store/open.ts'
import { eventually } from '../eventually.ts'
import { audit, NOW, sha256 } from '../store/records.ts'
import { fill } from './fill.ts'
import { missing, workFolder } from './tools.ts'

vi.setConfig({ testTimeout: 120_000 })

const mounts: string[] = []
afterAll(() => {
  for (const folder of mounts.toReversed()) spawnSync('umount', ['-l', folder])
})

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0
}

/** Where a file system is; null where this user may not mount one. */
function mounted(...args: string[]): string | null {
  const folder = join(workFolder(), 'disk')
  mkdirSync(folder)
  if (!succeeds('mount', ...args, folder)) return null
  mounts.push(folder)
  return folder
}

/** Without a journal, which would end all writes with the first that fails. */
const EXT4 = ['-q', '-F', '-O', '^has_journal', '-e', 'continue', '-E', 'lazy_itable_init=0,nodiscard']

test.skipIf(missing('mkfs.ext4', 'e2fsck'))(
  'what is acknowledged once a disk writes again that failed to survives a power cut',
  async ({ skip }) => {
    // Of a volume that promises more than there is, writes of new blocks fail when they are synced.
    const pool = mounted('-t', 'tmpfs', '-o', 'size=16m', 'none')
    if (!pool) return skip('this user may not mount a file system')
    const image = join(pool, 'image')
    expect(succeeds('truncate', '-s', '256M', image) && succeeds('mkfs.ext4', ...EXT4, image)).toBe(true)
    const disk = mounted('-o', 'loop', image)
    if (!disk) return skip('this user may not mount an image')
    const file = join(disk, 'chancery.db')
    createDatabase(file)
    const store = await openStore({ file, probeMilliseconds: 20 })
    const ids: number[] = []
    let n = 0
    const write = async () => {
      const record = { name: `ops-${++n}`, role: 'admin', hash: sha256(`key ${n}`) } as const
      const made = { createdAt: NOW, createdBy: 'system:cli', audit: audit('admin-key.create') }
      ids.push((await store.write('createAdminKey', { ...record, ...made })).id)
    }
    const writeUntilRefused = async () => {
      for (;;) await write()
    }
    for (let i = 0; i < 20; i++) await write()
    fill(join(pool, 'ballast'))
    await expect(writeUntilRefused()).rejects.toMatchObject({ code: 'storeFailed' })
    rmSync(join(pool, 'ballast'))
    await eventually(write)
    for (let i = 0; i < 20; i++) await write()
    // What the disk has, and not what the system holds in memory.
    const copy = join(workFolder(), 'image')
    expect(succeeds('cp', '--sparse=always', image, copy)).toBe(true)
    await store.close()
    spawnSync('e2fsck', ['-fy', copy])
    const db = new Database(join(mounted('-o', 'loop', copy)!, 'chancery.db'))
    const found = db.prepare<[], number>('SELECT id FROM admin_keys').pluck().all()
    expect(found).toEqual(expect.arrayContaining(ids))
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    db.close()
  },
)
