import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { restoreBackup } from '../../../src/ca/backup/restore.ts'
import { takeBackup } from '../../../src/ca/backup/take.ts'
import { changePassphrase } from '../../../src/ca/custody/change-passphrase.ts'
import { moveKeys } from '../../../src/ca/custody/move-keys.ts'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { initialise } from '../../../src/ca/hierarchy/initialise.ts'
import { epochSeconds, systemClock } from '../../../src/clock.ts'
import { openForMaking } from '../../../src/store/connection.ts'
import { openStore } from '../../../src/store/open.ts'
import { migrateToBefore } from '../../store/older-database.ts'
import { audit } from '../../store/records.ts'

// Each passphrase is meant to be slow to try.
vi.setConfig({ testTimeout: 60_000 })

const [OLD, NEW] = ['the old passphrase', 'the new passphrase']

/** A data directory that keeps its passphrase, by default with its root elsewhere, and a name for a backup of it. */
async function prepared(hasRoot = false): Promise<{ directory: string; out: string }> {
  const work = mkdtempSync(join(tmpdir(), 'chancery-take-'))
  onTestFinished(() => rmSync(work, { recursive: true, force: true }))
  const directory = join(work, 'data')
  const { intermediate, ...made } = defaultHierarchy()
  const root = hasRoot ? { ...made.root, passphrase: OLD } : null
  await initialise({ directory, clock: systemClock, passphrase: OLD, intermediate, root, urls: null })
  writeFileSync(join(directory, 'passphrase'), `${OLD}\n`, { mode: 0o600 })
  return { directory, out: join(work, 'backup') }
}

async function change(directory: string): Promise<void> {
  const store = await openStore({ file: join(directory, 'chancery.db') })
  const wish = { directory, store, old: OLD, next: NEW, isKept: true, reseal: async () => null }
  await changePassphrase({ ...wish, audit: audit('key.passphrase') })
  await store.close()
}

test.each(['keys/intermediate.key.pem', 'passphrase'])(
  'a change of the passphrase before %s is copied leaves no backup that is half of before and half of after',
  async (at) => {
    const { directory, out } = await prepared()
    const step = async (name: string) => {
      if (name === at) await change(directory)
    }
    const taken = takeBackup({ directory, out, include: ['passphrase'], clock: systemClock, step })
    await expect(taken).rejects.toMatchObject({ code: 'conflict' })
    expect(existsSync(out)).toBe(false)
    const { files } = await takeBackup({ directory, out, include: ['passphrase'], clock: systemClock })
    expect(files.map(({ name }) => name)).toContain('passphrase')
    expect(readFileSync(join(out, 'passphrase'), 'utf8')).toBe(`${NEW}\n`)
  },
)

test.each(['acme', 'rollover', 'idempotency-keys'])(
  'a database of before the migration "%s" is backed up as it is, and restored: that comes before an upgrade',
  async (migration) => {
    const { directory, out } = await prepared()
    const file = join(directory, 'chancery.db')
    writeFileSync(file, '')
    const db = openForMaking(file)
    migrateToBefore(db, migration)
    db.exec(`INSERT INTO authorities (id, role, state, is_default, chain, key_file, created_at)
      VALUES ('intermediate', 'issuing', 'pending', 1, '[]', 'keys/intermediate.key.pem', 0)`)
    const schema = db.pragma('user_version', { simple: true })
    db.close()
    const taken = await takeBackup({ directory, out, include: [], clock: systemClock })
    expect(taken).toMatchObject({ schema, certificates: 0 })
    expect(taken.files.map(({ name }) => name)).toContain('keys/intermediate.key.pem')
    const restored = join(directory, '..', 'restored')
    await restoreBackup({ backup: out, directory: restored, crls: [], clock: systemClock })
    expect(existsSync(join(restored, 'keys/intermediate.key.pem'))).toBe(true)
  },
)

test('a database that is damaged or empty is named, and no room asked for', async () => {
  const { directory, out } = await prepared()
  const file = join(directory, 'chancery.db')
  const octets = readFileSync(file)
  for (let page = 5; page < octets.length / 4096; page++) octets.fill(255, page * 4096, page * 4096 + 200)
  writeFileSync(file, octets)
  await expect(takeBackup({ directory, out, include: [], clock: systemClock })).rejects.toMatchObject({
    code: 'storeFailed',
    detail: `The database ${file} cannot be read: database disk image is malformed.`,
  })
  writeFileSync(file, '')
  await expect(takeBackup({ directory, out, include: [], clock: systemClock })).rejects.toMatchObject({
    code: 'badConfiguration',
    detail: `${file} is not a Chancery database.`,
  })
  expect(existsSync(out)).toBe(false)
})

test('keys that move while a backup is taken are in it as they are', async () => {
  const { directory, out } = await prepared()
  const step = async (name: string) => {
    if (name.startsWith('keys/'))
      await moveKeys(directory, join(directory, '..', 'elsewhere'), async () => {})
  }
  const { files } = await takeBackup({ directory, out, include: [], clock: systemClock, step })
  expect(files.map(({ name }) => name)).toContain('keys/intermediate.key.pem')
})

test('what a killed backup has left beside it goes with the next, and what may be another’s stays', async () => {
  const { directory, out } = await prepared()
  const parent = dirname(out)
  const left = (name: string, ...files: string[]) => {
    mkdirSync(join(parent, name, 'backup'), { recursive: true })
    for (const file of files) writeFileSync(join(parent, name, file), '')
    return name
  }
  const killed = left('.chancery-backup-00000000000a', 'backup.lock', 'backup/chancery.db')
  const others = [left('.chancery-backup-00000000000b'), left('.chancery-backup-mine', 'backup.lock')]
  const step = async () => {
    expect(readdirSync(parent)).not.toContain(killed)
    // Of one that runs, to the same place: it clears nothing of this one, and has its own name.
    if (!existsSync(`${out}-2`))
      await takeBackup({ directory, out: `${out}-2`, include: [], clock: systemClock })
  }
  await takeBackup({ directory, out, include: [], clock: systemClock, step })
  expect(readdirSync(parent).sort()).toEqual([...others, 'backup', 'backup-2', 'data'])
  for (const one of [out, `${out}-2`]) expect(readdirSync(one)).toContain('manifest.json')
})

test('of two backups at once to one name the second hears that it is taken, and the first stays', async () => {
  const { directory, out } = await prepared()
  const wish = { directory, include: [], clock: systemClock }
  let second = false
  const step = async () => {
    if (second) return
    second = true
    await takeBackup({ ...wish, out })
  }
  await expect(takeBackup({ ...wish, out, step })).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining(`${out} was made by another`),
  })
  expect(readdirSync(dirname(out)).sort()).toEqual(['backup', 'data'])
})

test.each(['.DS_Store', 'root key (copy).pem', 'folder/'])(
  'a backup with the folder of the root in it is refused at once where %s is there, which no restoration takes',
  async (stray) => {
    const { directory, out } = await prepared()
    const place = join(directory, 'root-offline', stray)
    mkdirSync(stray.endsWith('/') ? place : join(directory, 'root-offline'), { recursive: true })
    if (!stray.endsWith('/')) writeFileSync(place, '')
    const taken = takeBackup({ directory, out, include: ['root-offline'], clock: systemClock })
    await expect(taken).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining(place.replace(/\/$/, '')),
    })
    expect(existsSync(out)).toBe(false)
  },
)

test('a partition whose CRLs came faster than those of all certificates: its numbers do not come again after a restore', async () => {
  const { directory, out } = await prepared(true)
  const takenAt = epochSeconds(systemClock())
  // More were made of the partition than a second each, and of the long list of all fewer.
  const ahead = takenAt + 100_000
  const publication = (partition: number | null, number: number) => ({
    ...{ authority: 'intermediate', partition, number, thisUpdate: takenAt, through: 0, locations: [] },
    base: { number, thisUpdate: takenAt, through: 0 },
    full: { nextUpdate: takenAt + 3600, entries: 0, der: Buffer.from('CRL') },
    delta: null,
  })
  const before = await openStore({ file: join(directory, 'chancery.db') })
  await before.write('recordPublication', publication(null, takenAt))
  await before.write('recordPublication', publication(1, ahead))
  await before.close()
  await takeBackup({ directory, out, include: [], clock: systemClock })
  // Five seconds of such a burst, which no backup knows of.
  const given = ahead + 100
  const restored = join(directory, '..', 'restored')
  await restoreBackup({ backup: out, directory: restored, crls: [], clock: systemClock })
  const after = await openStore({ file: join(restored, 'chancery.db') })
  await expect(after.write('recordPublication', publication(1, given))).rejects.toMatchObject({
    code: 'conflict',
  })
  await after.close()
})
