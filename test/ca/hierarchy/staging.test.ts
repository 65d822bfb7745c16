import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { hashSecret } from '../../../src/auth/secrets.ts'
import { Authorities } from '../../../src/ca/authorities.ts'
import { defaultHierarchy } from '../../../src/ca/hierarchy/defaults.ts'
import { type Initialisation, initialise } from '../../../src/ca/hierarchy/initialise.ts'
import { openRoot } from '../../../src/ca/hierarchy/root.ts'
import { makeInStaging, settleDataDirectory } from '../../../src/ca/hierarchy/staging.ts'
import { systemClock } from '../../../src/clock.ts'
import { lockDatabase } from '../../../src/store/lock.ts'
import { createDatabase, openStore } from '../../../src/store/open.ts'
import { authority } from '../../store/records.ts'
import { temporaryDirectory } from '../../store/temporary.ts'

// Processes are started here, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const wish = (directory: string): Initialisation => ({
  directory,
  clock: systemClock,
  passphrase: 'passphrase',
  intermediate: defaultHierarchy().intermediate,
  root: { ...defaultHierarchy().root, passphrase: 'root passphrase' },
  urls: null,
})

/** That everything in the directory is of one CA: keys, certificates, admin key and database. */
async function expectWhole(directory: string, passphrase = 'passphrase', rootPassphrase = 'root passphrase') {
  const store = await openStore({ file: join(directory, 'chancery.db') })
  try {
    const authorities = new Authorities(store, directory, passphrase, {
      clock: systemClock,
      rootFor: () => undefined,
    })
    await authorities.reload()
    expect(authorities.issuing().id).toBe('intermediate')
    const adminKey = readFileSync(join(directory, 'admin.key'), 'utf8').trim()
    const found = await store.read.adminKeyByHash(hashSecret(adminKey), 0)
    expect(found).toMatchObject({ name: 'default', role: 'admin' })
    const root = await openRoot(join(directory, 'root-offline'), rootPassphrase)
    expect(authorities.roots()).toEqual([root.certificate.der])
  } finally {
    await store.close()
  }
  expect(existsSync(join(directory, '.initialising'))).toBe(false)
}

describe('two first starts at once', () => {
  test('make one CA: the other is refused', async () => {
    const directory = join(temporaryDirectory(), 'data')
    const [one, two] = await Promise.allSettled([initialise(wish(directory)), initialise(wish(directory))])
    const lost = [one, two].filter((result) => result.status === 'rejected')
    expect(lost).toMatchObject([{ reason: { code: 'conflict', detail: expect.stringContaining('Wait') } }])
    await expectWhole(directory)
  })

  test('the second neither clears nor finishes what the first is making', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, '.initialising'))
    writeFileSync(join(directory, '.initialising', 'admin.key'), 'of the first')
    const lock = lockDatabase(join(directory, 'chancery.db'))!
    await expect(settleDataDirectory(directory)).rejects.toMatchObject({ code: 'conflict' })
    await expect(initialise(wish(directory))).rejects.toMatchObject({ code: 'conflict' })
    expect(readdirSync(join(directory, '.initialising'))).toEqual(['admin.key'])
    lock.release()
    expect(await settleDataDirectory(directory)).toEqual({ initialised: false, finished: null })
    await initialise(wish(directory))
    await expectWhole(directory)
  })
})

test('after a run that was interrupted early it begins anew', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, '.initialising'))
  writeFileSync(join(directory, '.initialising', 'admin.key'), 'old')
  await initialise(wish(directory))
  await expectWhole(directory)
})

describe('a restore that was interrupted early', () => {
  const halfRestored = () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, '.restoring'))
    writeFileSync(join(directory, '.restoring', 'admin.key'), 'old')
    return directory
  }

  test('is no place for a new CA', async () => {
    const directory = halfRestored()
    const refusal = { code: 'conflict', detail: expect.stringContaining('Restore the backup again') }
    await expect(settleDataDirectory(directory)).rejects.toMatchObject(refusal)
    await expect(initialise(wish(directory))).rejects.toMatchObject(refusal)
    expect(readdirSync(join(directory, '.restoring'))).toEqual(['admin.key'])
  })

  test('at its very end, with the database in place, is none', async () => {
    const directory = halfRestored()
    writeFileSync(join(directory, 'chancery.db'), 'restored')
    expect(await settleDataDirectory(directory)).toEqual({ initialised: true, finished: null })
    expect(existsSync(join(directory, '.restoring'))).toBe(false)
  })

  test('at its very end keeps no change of the keys from being completed, which was interrupted later', async () => {
    const directory = temporaryDirectory()
    await initialise(wish(directory))
    mkdirSync(join(directory, '.restoring'))
    const rekeying = join(directory, 'keys', '.rekeying')
    mkdirSync(rekeying)
    expect(await settleDataDirectory(directory)).toEqual({ initialised: true, finished: null })
    expect(existsSync(rekeying)).toBe(false)
  })

  test('is begun anew by another restore, whose folder is published as any', async () => {
    const directory = halfRestored()
    const make = async (staging: string) => writeFileSync(join(staging, 'chancery.db'), 'restored')
    await makeInStaging(directory, make, 'restored')
    expect(readdirSync(directory).filter((name) => !name.startsWith('chancery.db.lock'))).toEqual([
      'chancery.db',
    ])
    expect(await settleDataDirectory(directory)).toEqual({ initialised: true, finished: null })
  })

  test('stays one after another that fails', async () => {
    const directory = halfRestored()
    const failing = async (staging: string) => {
      writeFileSync(join(staging, 'admin.key'), 'new')
      throw new Error('torn')
    }
    await expect(makeInStaging(directory, failing, 'restored')).rejects.toThrow('torn')
    expect(readdirSync(join(directory, '.restoring'))).toEqual([])
    const refusal = { code: 'conflict', detail: expect.stringContaining('Restore the backup again') }
    await expect(initialise(wish(directory))).rejects.toMatchObject(refusal)
    const taken = async () => Promise.reject(new Error('taken'))
    await expect(makeInStaging(directory, failing, 'restored', taken)).rejects.toThrow('taken')
    await expect(initialise(wish(directory))).rejects.toMatchObject(refusal)
  })

  test('where a first one fails, nothing is left of it', async () => {
    const directory = temporaryDirectory()
    const failing = async () => Promise.reject(new Error('torn'))
    await expect(makeInStaging(directory, failing, 'restored')).rejects.toThrow('torn')
    expect(await settleDataDirectory(directory)).toEqual({ initialised: false, finished: null })
  })
})

test('a restore that was interrupted as it moved into place is completed, and called one', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, '.restoring'))
  for (const name of ['chancery.db', 'complete']) writeFileSync(join(directory, '.restoring', name), '')
  await expect(initialise(wish(directory))).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining('A restore that was interrupted had brought'),
  })
})

const hasStrace = spawnSync('strace', ['--version']).status === 0
const CLI = new URL('../../../src/cli.ts', import.meta.url).pathname

/** `chancery init` behind strace. One thread for files, so that their calls can be counted. */
function tracedInit(directory: string, ...options: string[]) {
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1', CHANCERY_DIR: directory }
  return spawnSync('strace', ['-f', '-qq', ...options, process.execPath, CLI, 'init'], {
    env,
    encoding: 'utf8',
  })
}

describe.runIf(hasStrace)('killed', () => {
  test.for([1, 2, 3, 4, 5])(
    'at file %i that moves into place, the next start has a whole CA',
    async (when) => {
      const directory = join(temporaryDirectory(), 'data')
      const trace = ['-o', '/dev/null', '-e', 'trace=rename', '-e', `inject=rename:signal=KILL:when=${when}`]
      tracedInit(directory, ...trace)
      expect(existsSync(join(directory, '.initialising', 'complete'))).toBe(true)
      expect(await settleDataDirectory(directory)).toEqual({ initialised: true, finished: 'new' })
      const secret = (name: string) => readFileSync(join(directory, name), 'utf8').trim()
      await expectWhole(directory, secret('passphrase'), secret('root-passphrase'))
      // Who asked for another CA there is told of the one that is.
      await expect(initialise(wish(directory))).rejects.toMatchObject({ code: 'conflict' })
    },
  )

  test('at that point, "init" finishes the first and says so', async () => {
    const directory = join(temporaryDirectory(), 'data')
    tracedInit(directory, '-o', '/dev/null', '-e', 'trace=rename', '-e', 'inject=rename:signal=KILL:when=3')
    await expect(initialise(wish(directory))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('is complete now'),
    })
    expect(await settleDataDirectory(directory)).toEqual({ initialised: true, finished: null })
  })

  test.for([1, 2, 4, 6, 8])('at file %i that is made, the next start begins anew', async (when) => {
    const directory = join(temporaryDirectory(), 'data')
    tracedInit(directory, '-o', '/dev/null', '-e', 'trace=link', '-e', `inject=link:signal=KILL:when=${when}`)
    expect(existsSync(join(directory, 'chancery.db'))).toBe(false)
    const env = { ...process.env, CHANCERY_DIR: directory }
    execFileSync(process.execPath, [CLI, 'init'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
    const secret = (name: string) => readFileSync(join(directory, name), 'utf8').trim()
    await expectWhole(directory, secret('passphrase'), secret('root-passphrase'))
  })
})

test.runIf(hasStrace)('everything is synced before it moves into place, and its new place after', () => {
  const parent = temporaryDirectory()
  const directory = join(parent, 'data')
  const log = join(parent, 'trace')
  expect(tracedInit(directory, '-y', '-o', log, '-e', 'trace=fsync,fdatasync,rename,link').status).toBe(0)
  const calls = readFileSync(log, 'utf8').split('\n')
  const synced = (path: string, after = 0, before = calls.length) =>
    calls.slice(after, before).some((call) => /(fsync|fdatasync)\(/.test(call) && call.includes(`<${path}>`))
  const staging = join(directory, '.initialising')
  const linked = (path: string) =>
    calls.findIndex((call) => call.includes(' link(') && call.includes(`"${path}")`))
  const firstMove = calls.findIndex((call) => call.includes('rename('))
  expect(firstMove).toBeGreaterThan(0)

  for (const file of ['passphrase', 'root-passphrase'])
    expect(linked(join(directory, file))).toBeGreaterThan(-1)
  const made = ['admin.key', 'root.pem', 'keys/intermediate.key.pem', 'complete'].concat(
    ['root.key.pem', 'root.pem', 'MOVE-OFFLINE.txt'].map((name) => `root-offline/${name}`),
  )
  for (const path of made.map((name) => join(staging, name))) {
    const at = linked(path)
    expect(at, path).toBeGreaterThan(-1)
    // Its content, under the name that it has until then; and the name, afterwards.
    expect(calls[at - 1], path).toMatch(/(fsync|fdatasync)\(/)
    expect(synced(path.slice(0, path.lastIndexOf('/')), at, firstMove), path).toBe(true)
  }
  expect(synced(join(staging, 'chancery.db'), 0, linked(join(staging, 'complete')))).toBe(true)
  for (const folder of [parent, directory, staging]) expect(synced(folder, 0, firstMove), folder).toBe(true)
  const moved = calls.findLastIndex((call) => call.includes('rename('))
  expect(calls[moved]).toContain('chancery.db')
  expect(synced(directory, firstMove, moved)).toBe(true)
  expect(synced(directory, moved)).toBe(true)
})

test.for(['chancery.db-wal', 'chancery.db-journal'])(
  'what is left of a lost database (%s) is not read into a new one',
  async (name) => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, name), 'what was recorded last')
    await expect(initialise(wish(directory))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining(name),
    })
    expect(readFileSync(join(directory, name), 'utf8')).toBe('what was recorded last')
    rmSync(join(directory, name))
    await initialise(wish(directory))
    await expectWhole(directory)
  },
)

test('a database whose WAL could not be folded into it is not moved into place without it', async () => {
  const directory = temporaryDirectory()
  const making = makeInStaging(directory, async (staging) => {
    createDatabase(join(staging, 'chancery.db'))
    const store = await openStore({ file: join(staging, 'chancery.db') })
    await store.write('recordAuthority', authority())
    copyFileSync(join(staging, 'chancery.db-wal'), join(directory, 'kept'))
    await store.close()
    renameSync(join(directory, 'kept'), join(staging, 'chancery.db-wal'))
  })
  await expect(making).rejects.toMatchObject({ code: 'storeFailed' })
  expect(readdirSync(directory)).toEqual(['chancery.db.lock'])
})
