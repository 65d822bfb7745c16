import { chownSync, lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRoot } from '../../src/ca/hierarchy/root.ts'
import { decryptPkcs8 } from '../../src/pki/keys/pkcs8.ts'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../config/temporary.ts'
import { chancery } from './console.ts'

async function made(...options: string[]): Promise<{ parent: string; dir: string }> {
  const parent = temporaryDirectory()
  const dir = join(parent, 'data')
  expect((await chancery(['init', '--dir', dir, ...options])).exitCode).toBe(0)
  return { parent, dir }
}

const key = (dir: string) => readFileSync(join(dir, 'keys', 'intermediate.key.pem'), 'utf8')

test('a passphrase that the data directory keeps is made anew, and no output shows it', async () => {
  const { dir } = await made()
  const old = readFileSync(join(dir, 'passphrase'), 'utf8').trim()
  const changed = await chancery(['key', 'passphrase', '--dir', dir])
  expect(changed).toMatchObject({ exitCode: 0, stderr: '' })
  const next = readFileSync(join(dir, 'passphrase'), 'utf8').trim()
  expect(next).not.toBe(old)
  expect(changed.stdout).not.toContain(next)
  expect(changed.stdout).toContain('intermediate.key.pem')
  await decryptPkcs8(key(dir), next)
  await expect(decryptPkcs8(key(dir), old)).rejects.toThrow(/passphrase/)
  const store = await openStore({ file: join(dir, 'chancery.db') })
  const { rows } = await store.read.listAudit({ action: 'key.passphrase' }, { limit: 10 })
  expect(rows).toMatchObject([{ actor: 'system:cli' }])
  await store.close()
})

test('one that is kept elsewhere is given, the old as the service has it', async () => {
  const parent = temporaryDirectory()
  const [old, next] = ['old', 'next'].map((name) => join(parent, name)) as [string, string]
  writeFileSync(old, 'an old passphrase\n', { mode: 0o600 })
  writeFileSync(next, 'a new passphrase\n', { mode: 0o600 })
  const { dir } = await made('--passphrase-file', old)
  const environment = { CHANCERY_PASSPHRASE_FILE: old }
  const command = ['key', 'passphrase', '--dir', dir]
  expect(await chancery(command, environment)).toMatchObject({ exitCode: 2 })
  expect((await chancery([...command, '--new-passphrase-file', next], environment)).exitCode).toBe(0)
  await decryptPkcs8(key(dir), 'a new passphrase')
  const again = await chancery([...command, '--new-passphrase-file', next], environment)
  expect(again).toMatchObject({ exitCode: 2 })
  expect(again.stderr).toContain('Nothing was changed')
})

test('nothing is changed or moved while a service has the directory', async () => {
  const { parent, dir } = await made()
  const store = await openStore({ file: join(dir, 'chancery.db') })
  const before = key(dir)
  for (const command of [
    ['key', 'passphrase'],
    ['key', 'move', '--to', join(parent, 'keys')],
  ])
    expect((await chancery([...command, '--dir', dir])).exitCode).not.toBe(0)
  expect(key(dir)).toBe(before)
  await store.close()
  expect((await chancery(['key', 'move', '--to', join(parent, 'keys'), '--dir', dir])).exitCode).toBe(0)
  expect(lstatSync(join(dir, 'keys')).isSymbolicLink()).toBe(true)
  expect(key(dir)).toBe(before)
})

test.skipIf(process.geteuid?.() !== 0)(
  'what root changes or moves stays with the user of the service, who could not start it otherwise',
  async () => {
    const NOBODY = 65_534
    const { parent, dir } = await made()
    const place = join(parent, 'elsewhere')
    const all = () =>
      [dir, place].flatMap((top) => [
        top,
        ...readdirSync(top, { recursive: true, encoding: 'utf8' }).map((name) => join(top, name)),
      ])
    for (const name of ['.', ...readdirSync(dir, { recursive: true, encoding: 'utf8' })])
      chownSync(join(dir, name), NOBODY, NOBODY)
    expect(await chancery(['key', 'passphrase', '--dir', dir])).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await chancery(['key', 'move', '--dir', dir, '--to', place])).toMatchObject({ exitCode: 0 })
    expect(readdirSync(place)).toEqual(['intermediate.key.pem'])
    const { uid, gid } = statSync(join(place, 'intermediate.key.pem'))
    expect({ uid, gid }).toEqual({ uid: NOBODY, gid: NOBODY })
    expect(all().filter((file) => statSync(file).uid !== NOBODY)).toEqual([])
  },
)

test('the root’s passphrase changes in its folder', async () => {
  const { parent, dir } = await made()
  const next = join(parent, 'next')
  writeFileSync(next, 'a new passphrase\n', { mode: 0o600 })
  const folder = join(dir, 'root-offline')
  const changed = await chancery([
    'root',
    'passphrase',
    '--root-folder',
    folder,
    '--new-passphrase-file',
    next,
  ])
  expect(changed).toMatchObject({ exitCode: 0, stderr: '' })
  await openRoot(folder, 'a new passphrase')
})
