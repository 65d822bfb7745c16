import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { temporaryDatabase } from '../store/temporary.ts'

test('lists are built in a host that was started with other flags', { timeout: 30_000 }, () => {
  const program = `
    import { CrlBuilder } from ${JSON.stringify(new URL('../../src/crl/builder.ts', import.meta.url))}
    const builder = new CrlBuilder(process.argv[1])
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
