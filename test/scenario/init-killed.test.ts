import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newCsr } from './csr.ts'
import { PROGRAM, startService } from './harness.ts'
import { missing, run, workFolder } from './tools.ts'

const ADDRESS = 'http://ca.example.test'

/** Kills an init as it moves a file of its staging folder into place: that one, or the first. */
async function killedInit(directory: string, file?: string): Promise<readonly string[]> {
  const init = [process.execPath, PROGRAM, 'init', '--dir', directory, '--public-url', ADDRESS]
  const moves = '?rename,?renameat,?renameat2'
  const kill = ['-e', `trace=${moves}`, '-e', `inject=${moves}:signal=KILL`]
  const only = file === undefined ? [] : ['-P', join(directory, '.initialising', file)]
  await run('strace', ['-f', '-qq', '-o', '/dev/null', ...only, ...kill, ...init])
  return init
}

test.skipIf(missing('strace'))(
  'an init that is killed once its database is in place has left the address that its certificate has',
  async () => {
    const directory = workFolder()
    const init = await killedInit(directory, 'chancery.db')
    const again = await run(init[0]!, init.slice(1))
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('had made a CA') })
    expect(readFileSync(join(directory, 'chancery.yaml'), 'utf8')).toBe(`publicUrl: ${ADDRESS}\n`)
  },
)

test.skipIf(missing('strace'))(
  'the start that completes an init goes by the options that it moves into place',
  async () => {
    const directory = workFolder()
    await killedInit(directory)
    expect(existsSync(join(directory, 'chancery.yaml'))).toBe(false)
    const service = await startService({ directory })
    const body = { csr: newCsr('a.example.test') }
    const { certificate } = await service
      .rest()
      .json<{ certificate: string }>('POST', '/v1/certificates', { body })
    const { infoAccess } = new X509Certificate(certificate)
    expect(infoAccess).toContain(`URI:${ADDRESS}/`)
    await service.stop()
  },
)
