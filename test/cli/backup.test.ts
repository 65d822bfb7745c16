import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { restoreBackup } from '../../src/ca/backup/restore.ts'
import { rfc3339 } from '../../src/clock.ts'
import { crlDer } from '../../src/pki/crl/der-or-pem.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { openStore } from '../../src/store/open.ts'
import { startServer } from '../start-server.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let work: string
let service: RunningService
let backup: string
let newer: string
let older: string
let same: readonly string[]
/** Serial numbers: revoked before the backup, after it, held before and revoked after it; issued and revoked after it. */
let certificates: Record<'before' | 'after' | 'hardened' | 'untouched' | 'lost', string>

async function enrol(name: string): Promise<string> {
  const made = await service.json<{ serialNumber: string }>(
    ...['cert', 'request', '--name', `${name}.example.test`, '--out', join(service.work, name)],
  )
  return made.serialNumber
}
const revoke = (serialNumber: string, reason: string) =>
  service.json('cert', 'revoke', serialNumber, '--reason', reason)

async function fetchCrl(httpUrl: string, id = 'intermediate'): Promise<Buffer> {
  const response = await fetch(`${httpUrl}/crl/${id}.pem`)
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}
const listed = (crl: Buffer) =>
  new Map(
    [...readCrlEntries(parseCrl(crlDer(crl)).entries)].map(({ serialNumber, bytes }) => [
      serialNumber,
      bytes.toString('hex'),
    ]),
  )
const numberOf = (crl: Buffer) => Number(parseCrl(crlDer(crl)).number)

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'chancery-backup-'))
  service = await runService()
  const before = await enrol('before')
  const after = await enrol('after')
  const hardened = await enrol('hardened')
  const untouched = await enrol('untouched')
  await revoke(before, 'superseded')
  older = join(work, 'older.pem')
  writeFileSync(older, await fetchCrl(service.httpUrl))
  await revoke(hardened, 'certificateHold')
  backup = join(work, 'backup')
  const taken = await service.command('backup', '--out', backup)
  expect(taken).toMatchObject({ exitCode: 0, stderr: '' })
  expect(taken.stdout).toContain('Not in it     passphrase, admin.key, root-offline')
  same = ['root', 'intermediate'].map((id) => join(work, `${id}-then.pem`))
  for (const [index, id] of ['root', 'intermediate'].entries())
    writeFileSync(same[index]!, await fetchCrl(service.httpUrl, id))
  await revoke(after, 'keyCompromise')
  await revoke(hardened, 'keyCompromise')
  const lost = await enrol('lost')
  await revoke(lost, 'keyCompromise')
  newer = join(work, 'newer.pem')
  writeFileSync(newer, await fetchCrl(service.httpUrl))
  certificates = { before, after, hardened, untouched, lost }
})
afterAll(async () => {
  await service.close()
  rmSync(work, { recursive: true, force: true })
})

/** A service on a directory that was restored. */
async function serving<T>(
  dir: string,
  ask: (httpUrl: string, json: typeof service.json) => Promise<T>,
  from = service.dir,
) {
  copyFileSync(join(from, 'passphrase'), join(dir, 'passphrase'))
  const server = await startServer({ CHANCERY_DIR: dir, CHANCERY_TLS_PORT: '0', CHANCERY_HTTP_PORT: '0' })
  const environment = {
    ...{ CHANCERY_DIR: dir, CHANCERY_TLS_PORT: new URL(server.tlsUrl).port },
    CHANCERY_HTTP_PORT: new URL(server.httpUrl).port,
  }
  const key = ['--key-file', join(from, 'admin.key')]
  try {
    return await ask(server.httpUrl, async <U>(...argv: string[]) => {
      const { exitCode, stdout, stderr } = await chancery([...argv, ...key, '--json'], environment)
      expect(exitCode, stderr).toBe(0)
      return JSON.parse(stdout) as U
    })
  } finally {
    await server.close()
  }
}

function copyOfBackup(name: string): string {
  const copy = join(work, name)
  for (const file of readdirSync(backup, { recursive: true, encoding: 'utf8' })) {
    const from = join(backup, file)
    if (statSync(from).isDirectory()) continue
    const to = join(copy, file)
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, to)
  }
  return copy
}

test('a backup is for its owner alone, says what it holds, and leaves the secrets where they are', async () => {
  expect(statSync(backup).mode & 0o777).toBe(0o700)
  const files = ['chancery.db', 'keys/intermediate.key.pem', 'root.pem']
  const found = readdirSync(backup, { recursive: true, encoding: 'utf8' }).sort()
  expect(found).toEqual(['keys', 'manifest.json', ...files].sort())
  for (const file of files) expect(statSync(join(backup, file)).mode & 0o777).toBe(0o600)
  const manifest = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8'))
  expect(manifest.files.map(({ name }: { name: string }) => name)).toEqual(files)
  // The service's own certificate is one of them.
  expect(manifest).toMatchObject({ format: 1, certificates: 5, revocations: 2 })
  expect(readFileSync(join(backup, 'keys/intermediate.key.pem'), 'utf8')).toContain('ENCRYPTED PRIVATE KEY')
  expect(readdirSync(work).filter((name) => name.startsWith('.'))).toEqual([])
})

test('secrets come along where they are asked for, and a name that is taken is left alone', async () => {
  const out = join(work, 'with-secrets')
  const argv = ['backup', '--out', out, '--include', 'passphrase', 'root-offline']
  const taken = await service.json<{ leftOut: string[]; files: string[] }>(...argv)
  expect(taken.leftOut).toEqual(['admin.key'])
  expect(taken.files).toEqual(expect.arrayContaining(['passphrase', 'root-offline/root.key.pem']))
  const before = readdirSync(out)
  expect(await service.command(...argv)).toMatchObject({ exitCode: 1, stdout: '' })
  expect(readdirSync(out)).toEqual(before)
  expect((await chancery(['backup', '--out', join(work, 'none'), '--dir', work])).exitCode).toBe(2)
  expect(existsSync(join(work, 'none'))).toBe(false)
})

test('with a newer CRL what was revoked stays revoked, word for word, under a higher number', async () => {
  const dir = join(work, 'restored')
  const restored = await chancery(['restore', backup, '--dir', dir, '--crl', newer])
  expect(restored).toMatchObject({ exitCode: 0, stderr: '' })
  expect(restored.stdout).toContain('2 revocations brought back')
  expect(restored.stdout).toContain('1 more that it lists are not on record')
  expect(restored.stdout).toContain(`  ${certificates.lost}\n`)
  expect(restored.stdout).toContain('put the file "passphrase" into the data directory')
  const seen = readFileSync(newer)
  await serving(dir, async (httpUrl, json) => {
    const now = await fetchCrl(httpUrl)
    expect(numberOf(now)).toBeGreaterThan(numberOf(seen))
    const { before, after, hardened, untouched, lost } = certificates
    const was = listed(seen)
    expect(listed(now)).toEqual(was)
    expect([...was.keys()].sort()).toEqual([before, after, hardened, lost].sort())
    const states = async (serialNumber: string) =>
      (await json<{ state: string }>('cert', 'show', serialNumber)).state
    expect(await states(after)).toBe('revoked')
    expect(await states(untouched)).toBe('valid')
    expect((await fetch(`${httpUrl}/readyz`)).status).toBe(200)
  })
  const store = await openStore({ file: join(dir, 'chancery.db') })
  const { rows } = await store.read.listAudit({ action: 'database.restore' }, { limit: 9 })
  await store.close()
  expect(rows).toMatchObject([{ actor: 'system:cli', detail: { crls: [{ recorded: 2, unknown: 1 }] } }])
})

test('without a CRL the operator is told what may be missing, and the next CRL still has a higher number', async () => {
  const dir = join(work, 'without')
  const newToken = ['token', 'create', '--dns', 'late.example.test'] as const
  const late = await service.json<{ id: number }>(...newToken)
  const { exitCode, stdout } = await chancery(['restore', backup, '--dir', dir])
  expect(exitCode).toBe(0)
  for (const words of ['not on record', 'Revocations since are forgotten', '--crl <file>', 'Tokens'])
    expect(stdout).toContain(words)
  for (const undone of [
    'external keys that were spent',
    'made since are gone',
    'Calls for renewal',
    'rotated',
    'refused since wait',
    'retired since issue again',
    'chancery.yaml is',
  ])
    expect(stdout).toContain(undone)
  await serving(dir, async (httpUrl, json) => {
    // An address that somebody was told does not become another's.
    expect((await json<{ id: number }>(...newToken)).id).toBeGreaterThan(late.id)
    const now = await fetchCrl(httpUrl)
    expect(numberOf(now)).toBeGreaterThan(numberOf(readFileSync(newer)))
    expect([...listed(now).keys()].sort()).toEqual([certificates.before, certificates.hardened].sort())
  })
})

test('with deltas and partitions, each CRL of the restored service knows what the newer one told', async () => {
  const yaml = 'publicUrl: http://ca.example.test\ncrl: { partitions: 2, delta: true }\n'
  const scoped = await runService(yaml)
  try {
    const enrolled = async (name: string) =>
      (
        await scoped.json<{ serialNumber: string }>(
          ...['cert', 'request', '--name', `${name}.example.test`, '--out', join(scoped.work, name)],
        )
      ).serialNumber
    const known = await enrolled('known')
    const out = join(scoped.work, 'backup')
    await scoped.json('backup', '--out', out)
    const lost = await enrolled('lost')
    for (const one of [known, lost]) await scoped.json('cert', 'revoke', one, '--reason', 'keyCompromise')
    const seen = join(scoped.work, 'seen.pem')
    writeFileSync(seen, await fetchCrl(scoped.httpUrl))
    const dir = join(scoped.work, 'restored')
    const restored = await chancery(['restore', out, '--dir', dir, '--crl', seen])
    expect(restored).toMatchObject({ exitCode: 0, stderr: '' })
    expect(readFileSync(join(dir, 'chancery.yaml'), 'utf8')).toBe(yaml)
    await serving(
      dir,
      async (httpUrl) => {
        const crl = async (path: string) => {
          const response = await fetch(`${httpUrl}/crl/intermediate${path}`)
          expect(response.status, path).toBe(200)
          const der = Buffer.from(await response.arrayBuffer())
          expect(numberOf(der)).toBeGreaterThan(numberOf(readFileSync(seen)))
          return [...listed(der).keys()]
        }
        const both = [known, lost].sort()
        expect((await crl('.crl')).sort()).toEqual(both)
        expect((await crl('/delta.crl')).sort()).toEqual(both)
        const parts = await Promise.all([0, 1].map((n) => crl(`/${n}.crl`)))
        // Which of them the lost certificate names is not known.
        for (const part of parts) expect(part).toContain(lost)
        expect(parts.filter((part) => part.includes(known))).toHaveLength(1)
      },
      scoped.dir,
    )
  } finally {
    await scoped.close()
  }
})

test('CRLs that the backup has itself are no hindrance: where nothing happened since, there are no others', async () => {
  const dir = join(work, 'with-the-same')
  const { exitCode, stdout, stderr } = await chancery(['restore', backup, '--dir', dir, '--crl', ...same])
  expect(exitCode, stderr).toBe(0)
  expect(stdout).toContain('of "root": 0 revocations brought back.')
  expect(stdout).toContain('of "intermediate": 0 revocations brought back.')
})

describe('nothing is restored', () => {
  const refused = async (from: string, exitCode: number, words: string, ...more: string[]) => {
    const dir = join(mkdtempSync(join(work, 'refused-')), 'data')
    const outcome = await chancery(['restore', from, '--dir', dir, ...more])
    expect(outcome).toMatchObject({ exitCode, stdout: '' })
    expect(outcome.stderr).toContain(words)
    expect(existsSync(dir) ? readdirSync(dir).filter((name) => !name.endsWith('.lock')) : []).toEqual([])
  }

  test.each([
    ['chancery.db', 'torn or changed'],
    ['keys/intermediate.key.pem', 'torn or changed'],
    ['manifest.json', 'torn, changed'],
  ])('of a backup whose %s was changed', async (file, words) => {
    const copy = copyOfBackup(`changed-${file.replace('/', '-')}`)
    appendFileSync(join(copy, file), 'x')
    await refused(copy, 2, words)
  })

  test('of one that is torn, lacks a file, points out of itself or is none', async () => {
    const torn = copyOfBackup('torn')
    const database = readFileSync(join(torn, 'chancery.db'))
    writeFileSync(join(torn, 'chancery.db'), database.subarray(0, database.length - 4096))
    await refused(torn, 2, 'torn or changed')
    const lacking = copyOfBackup('lacking')
    rmSync(join(lacking, 'root.pem'))
    await refused(lacking, 2, 'is missing')
    const pointing = copyOfBackup('pointing')
    const manifest = readFileSync(join(pointing, 'manifest.json'), 'utf8')
    writeFileSync(join(pointing, 'manifest.json'), manifest.replace('"root.pem"', '"../root.pem"'))
    await refused(pointing, 2, 'torn, changed')
    await refused(join(work, 'nowhere'), 2, 'no backup')
  })

  test('of one with a schema that is not known yet', async () => {
    const copy = copyOfBackup('newer-schema')
    const manifest = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8'))
    writeFileSync(join(copy, 'manifest.json'), JSON.stringify({ ...manifest, schema: 999 }))
    await refused(copy, 2, 'schema 999')
  })

  test('with a CRL that is changed, of nobody here, or older than the backup', async () => {
    const der = Buffer.from(crlDer(readFileSync(newer)))
    der[der.length - 1]! ^= 1
    const changed = join(work, 'changed.crl')
    writeFileSync(changed, der)
    await refused(backup, 1, 'CRL', '--crl', changed)
    await refused(backup, 1, 'it is no newer, and brings nothing back. Leave it out', '--crl', older)
  })

  test('over a CA, or where a service runs, or over keys that are there', async () => {
    const busy = await service.command('restore', backup)
    expect(busy).toMatchObject({ exitCode: 1, stdout: '' })
    expect(busy.stderr).toContain('holds a CA already')
    const dir = join(work, 'with-root')
    mkdirSync(dir)
    writeFileSync(join(dir, 'root.pem'), 'mine')
    const taken = await chancery(['restore', backup, '--dir', dir])
    expect(taken).toMatchObject({ exitCode: 1, stdout: '' })
    expect(taken.stderr).toContain('has root.pem already')
    expect(readFileSync(join(dir, 'root.pem'), 'utf8')).toBe('mine')
  })

  test('where keys were on a disk that is not there', async () => {
    const dir = join(work, 'with-link')
    mkdirSync(dir)
    symlinkSync(join(work, 'not-mounted'), join(dir, 'keys'))
    const taken = await chancery(['restore', backup, '--dir', dir])
    expect(taken).toMatchObject({ exitCode: 1, stdout: '' })
    expect(taken.stderr).toContain('has keys already')
  })

  test('beside the WAL of a database that is gone, which would be read into the restored one', async () => {
    const dir = join(work, 'with-wal')
    cpSync(service.dir, dir, { recursive: true, filter: (from) => !/\.(lock|sock)$/.test(from) })
    expect(statSync(join(dir, 'chancery.db-wal')).size).toBeGreaterThan(0)
    for (const name of readdirSync(dir))
      if (name !== 'chancery.db-wal') rmSync(join(dir, name), { recursive: true })
    const taken = await chancery(['restore', backup, '--dir', dir])
    expect(taken).toMatchObject({ exitCode: 1, stdout: '' })
    expect(taken.stderr).toContain('has chancery.db-wal')
    expect(readdirSync(dir).sort()).toEqual(['chancery.db-wal', 'chancery.db.lock'])
  })

  test('where the clock is behind the backup, since numbers of CRLs would come again', async () => {
    const directory = join(mkdtempSync(join(work, 'early-')), 'data')
    const { takenAt } = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8'))
    const restored = (behind: number, said?: number) =>
      restoreBackup({
        ...{ backup, directory, crls: [], takenAt: said },
        clock: () => new Date((takenAt - behind) * 1000),
      })
    await expect(restored(3600)).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining('clock'),
    })
    await expect(restored(3600, takenAt)).rejects.toMatchObject({ code: 'badConfiguration' })
    await expect(restored(0, takenAt + 1)).rejects.toMatchObject({ code: 'badConfiguration' })
    expect(existsSync(directory)).toBe(false)
    // Two machines differ by a little.
    await restored(60)
    const store = await openStore({ file: join(directory, 'chancery.db') })
    const { full } = await store.read.scopeCrls({ authority: 'intermediate', partition: null })
    await store.close()
    expect(full!.number).toBeGreaterThan(numberOf(readFileSync(newer)))
  })
})

test('a backup from a clock that was ahead is restored by when it was taken indeed, and CRL numbers go on from the wrong clock', async () => {
  const ahead = copyOfBackup('ahead')
  const file = join(ahead, 'manifest.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  const wrong = manifest.takenAt + 86_400
  writeFileSync(file, JSON.stringify({ ...manifest, takenAt: wrong }))
  const dir = join(work, 'from-ahead')
  const refused = await chancery(['restore', ahead, '--dir', dir])
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--taken-at') })
  const said = rfc3339(manifest.takenAt)
  const unclear = await chancery(['restore', ahead, '--dir', dir, '--taken-at', 'yesterday'])
  expect(unclear).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('such as 2027-01-31T00:00:00Z'),
  })
  const restored = await chancery(['restore', ahead, '--dir', dir, '--taken-at', said])
  expect(restored).toMatchObject({ exitCode: 0, stderr: '' })
  expect(restored.stdout).toContain(`What happened after ${said} is not here.`)
  const store = await openStore({ file: join(dir, 'chancery.db') })
  const { full } = await store.read.scopeCrls({ authority: 'intermediate', partition: null })
  const { rows } = await store.read.listAudit({ action: 'database.restore' }, { limit: 9 })
  await store.close()
  expect(full!.number).toBeGreaterThan(wrong)
  expect(rows).toMatchObject([{ detail: { takenAt: rfc3339(wrong), saidToBeOf: said } }])
})
