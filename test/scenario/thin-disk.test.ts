import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { createDatabase, openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
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

/** By so many the database grows by more than there is room for then. */
const MANY = 400

/** A volume that promises more than there is: writes of new blocks fail when they are synced. Null where this user may not make one. */
function thinDisk() {
  const pool = mounted('-t', 'tmpfs', '-o', 'size=32m', 'none')
  if (!pool) return null
  const image = join(pool, 'image')
  expect(succeeds('truncate', '-s', '256M', image) && succeeds('mkfs.ext4', ...EXT4, image)).toBe(true)
  const disk = mounted('-o', 'loop', image)
  if (!disk) return null
  // Of a longer request the loop device may write a part alone, and says that it has written all.
  const loop = spawnSync('losetup', ['-n', '-O', 'NAME', '-j', image]).stdout.toString().trim()
  writeFileSync(`/sys/block/${basename(loop)}/queue/max_sectors_kb`, '4')
  return { pool, image, file: join(disk, 'chancery.db'), ballast: join(pool, 'ballast') }
}

/** Makes keys in a store, and notes which are acknowledged. */
class Keys {
  readonly acknowledged: number[] = []
  #number = 0

  async make(store: Store): Promise<void> {
    const n = ++this.#number
    const record = { name: `ops-${n}`, role: 'admin', hash: sha256(`key ${n}`) } as const
    const made = { createdAt: NOW, createdBy: 'system:cli', audit: audit('admin-key.create') }
    this.acknowledged.push((await store.write('createAdminKey', { ...record, ...made })).id)
  }

  async makeMany(store: Store, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await this.make(store)
  }

  async makeUntilRefused(store: Store): Promise<void> {
    const untilRefused = async () => {
      for (;;) await this.make(store)
    }
    await expect(untilRefused()).rejects.toMatchObject({ code: 'storeFailed' })
  }
}

/** What the disk has by now, and not what the system holds in memory: as it is after a power cut. */
function powerCut(image: string) {
  const copy = join(workFolder(), 'image')
  expect(succeeds('cp', '--sparse=always', image, copy)).toBe(true)
  return {
    /** Once nothing of the service is left that could be in the way. */
    expectKeys(ids: readonly number[]): void {
      spawnSync('e2fsck', ['-fy', copy])
      const db = new Database(join(mounted('-o', 'loop', copy)!, 'chancery.db'))
      const found = db.prepare<[], number>('SELECT id FROM admin_keys').pluck().all()
      expect(found).toEqual(expect.arrayContaining([...ids]))
      expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
      db.close()
    },
  }
}

describe.skipIf(missing('mkfs.ext4', 'e2fsck', 'losetup'))(
  'what is acknowledged survives a power cut',
  () => {
    test('once a disk writes again that failed to', async ({ skip }) => {
      const thin = thinDisk()
      if (!thin) return skip('this user may not mount a file system')
      const { image, file, ballast } = thin
      createDatabase(file)
      const store = await openStore({ file, probeMilliseconds: 20 })
      const keys = new Keys()
      await keys.makeMany(store, 20)
      fill(ballast)
      await keys.makeUntilRefused(store)
      rmSync(ballast)
      await eventually(() => keys.make(store))
      await keys.makeMany(store, 20)
      const cut = powerCut(image)
      await store.close()
      cut.expectKeys(keys.acknowledged)
    })

    test('where the database file could not grow before', async ({ skip }) => {
      const thin = thinDisk()
      if (!thin) return skip('this user may not mount a file system')
      const { pool, image, file, ballast } = thin
      createDatabase(file)
      const store = await openStore({ file, probeMilliseconds: 20 })
      const keys = new Keys()
      await keys.makeMany(store, MANY)
      fill(ballast)
      await keys.makeUntilRefused(store)
      // Room for the WAL, and none for what is to be moved from it.
      truncateSync(ballast, statSync(ballast).size - 25 * 4096)
      await eventually(() => expect(statfsSync(pool).bavail).toBe(0))
      rmSync(ballast)
      await eventually(() => keys.make(store))
      const cut = powerCut(image)
      await store.close()
      cut.expectKeys(keys.acknowledged)
    })

    test('where the service was started anew after the failure', async ({ skip }) => {
      const thin = thinDisk()
      if (!thin) return skip('this user may not mount a file system')
      const { image, file, ballast } = thin
      createDatabase(file)
      const keys = new Keys()
      const failing = await openStore({ file, probeMilliseconds: 20 })
      await keys.makeMany(failing, 20)
      fill(ballast)
      await keys.makeUntilRefused(failing)
      await failing.close()
      rmSync(ballast)
      const store = await openStore({ file, probeMilliseconds: 20 })
      await keys.makeMany(store, 20)
      const cut = powerCut(image)
      await store.close()
      cut.expectKeys(keys.acknowledged)
    })
  },
)
