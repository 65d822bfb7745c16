import { randomInt } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { spawnService, startService } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Journal } from './journal.ts'
import { loadUntilKilled, repeat, seeded } from './load.ts'
import { workFolder } from './tools.ts'

const ROUNDS = 5

test('killed at random moments under load, it loses nothing that it acknowledged', async () => {
  const seed = Number(process.env.CRASH_SEED ?? randomInt(2 ** 31))
  console.log(`CRASH_SEED=${seed}`)
  const random = seeded(seed)
  const journal = new Journal()
  const directory = workFolder()
  let lost = 0
  for (let round = 0; round < ROUNDS; round++) {
    const doomed = await startService({ directory })
    const delay = round % 2 ? random() * 12 : 0
    await loadUntilKilled(doomed, journal, 30 + Math.floor(random() * 170), delay, random)

    const restarted = await startService({ directory })
    await checkInvariants(restarted, journal)
    const rest = restarted.rest()
    const unanswered = journal.unacknowledged()
    lost += unanswered.length
    for (const enrolment of unanswered) {
      // Whether the crash came before or after its commit: the retry gives the one certificate, and so does the next.
      await repeat(rest, journal, enrolment)
      await repeat(rest, journal, enrolment)
      const other = await rest.call('POST', '/v1/certificates', {
        bearer: enrolment.token,
        body: { csr: enrolment.csr },
      })
      expect(other.status, other.body.toString()).toBe(403)
    }
    rest.close()
    await checkInvariants(restarted, journal)
    // Every other time the restarted one is killed as well, without load.
    await (round % 2 ? restarted.kill() : restarted.stop())
  }
  // In every other round one enrolment at least was on its way when the service was killed.
  expect(lost).toBeGreaterThanOrEqual(Math.ceil(ROUNDS / 2))
  expect(journal.revocations.size).toBeGreaterThan(ROUNDS)

  const database = new Database(join(directory, 'chancery.db'), { readonly: true, fileMustExist: true })
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(database.pragma('foreign_key_check')).toEqual([])
  database.close()
})

test.each([
  '.initialising',
  '.initialising/keys',
  '.initialising/chancery.db',
  '.initialising/root-offline',
  'chancery.db',
])('killed in its first start, once %s is there, the next start has a CA that works', async (file) => {
  const directory = workFolder()
  const { child, exited } = spawnService({ directory })
  await expect.poll(() => existsSync(join(directory, file)), { interval: 1, timeout: 30_000 }).toBe(true)
  child.kill('SIGKILL')
  await exited
  const service = await startService({ directory })
  await checkInvariants(service)
  const issued = await service.cli(
    'cert',
    'request',
    '--name',
    'web.example.test',
    '--out',
    join(directory, 'web'),
  )
  expect(issued.status, issued.stderr).toBe(0)
  // The lock of the database is all that may be forgotten there: no key, no secret.
  const staging = join(directory, '.initialising')
  const forgotten = existsSync(staging) ? readdirSync(staging) : []
  expect(forgotten.filter((name) => name !== 'chancery.db.lock')).toEqual([])
  await service.stop()
})
