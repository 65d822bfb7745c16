import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { expect, test } from 'vitest'
import { CrlBuilder } from '../../src/crl/builder.ts'
import { eventually } from '../eventually.ts'
import { temporaryDatabase } from '../store/temporary.ts'

test('lists are built in a host that was started with other flags', { timeout: 30_000 }, () => {
  const program = `
    import { CrlBuilder } from ${JSON.stringify(new URL('../../src/crl/builder.ts', import.meta.url))}
    // As if there were something to read: else no thread is started.
    const read = { latestChange: async () => 1 }
    const builder = new CrlBuilder({ databaseFile: process.argv[1], read })
    const fields = { signature: { identifier: Buffer.of(5, 0) }, issuer: Buffer.of(48, 0), thisUpdate: 0,
      nextUpdate: 1, authorityKeyIdentifier: Buffer.alloc(20), number: 1 }
    const scope = { authority: 'issuing', partition: null }
    const full = { notAfterFloor: 0, fields }
    console.log((await builder.build({ scope, full, delta: null })).full.count)
    await builder.close()`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program, temporaryDatabase()],
    { encoding: 'utf8' },
  )
  expect([stdout, stderr]).toEqual(['0\n', ''])
})

/** Their niceness, of the threads of this name in this process. */
function priorities(name: string): number[] {
  const stats = readdirSync('/proc/self/task').map((id) => `/proc/self/task/${id}/stat`)
  const found = stats.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'))
  return found
    .filter((stat) => stat.includes(`(${name})`))
    .map((stat) => Number(stat.split(') ')[1]!.split(' ')[16]))
}

test.skipIf(!existsSync('/proc/thread-self'))(
  'the thread gives way to those that answer requests',
  async () => {
    const builder = new CrlBuilder({
      databaseFile: temporaryDatabase(),
      databaseIdentity: undefined,
      read: { latestChange: async () => 1 },
    })
    const scope = { authority: 'issuing', partition: null }
    await builder.build({ scope, full: null, delta: null })
    await eventually(() => expect(priorities('chancery-crl')).toEqual([Math.min(getPriority() + 5, 19)]))
    await builder.close()
  },
)

test('a list of a scope in which nothing was revoked needs no thread, nor the file that it reads', async () => {
  const builder = new CrlBuilder({
    databaseFile: '/missing',
    databaseIdentity: undefined,
    read: { latestChange: async () => 0 },
  })
  const fields = {
    signature: { identifier: Buffer.of(5, 0) },
    issuer: Buffer.of(48, 0),
    ...{ thisUpdate: 0, nextUpdate: 1, authorityKeyIdentifier: Buffer.alloc(20), number: 1 },
  }
  const scope = { authority: 'issuing', partition: null }
  const full = { notAfterFloor: 0, fields }
  const built = await builder.build({ scope, full, delta: { since: null, fields } })
  expect(built).toMatchObject({ full: { count: 0 }, delta: { count: 0 }, through: 0 })
  await builder.close()
})
