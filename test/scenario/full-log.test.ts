import { execFileSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startService } from './harness.ts'
import { workFolder } from './tools.ts'

test.skipIf(process.platform !== 'linux')(
  'a log that cannot be written costs its lines, not the service',
  async () => {
    // Each write to it fails as on a full disk.
    const full = openSync('/dev/full', 'w')
    const service = await startService({ errors: full, environment: { CHANCERY_LOG_LEVEL: 'info' } })
    const rest = service.rest()
    for (let n = 0; n < 20; n++) {
      expect((await rest.call('GET', '/v1/certificates')).status).toBe(200)
      expect((await rest.call('GET', '/v1/nothing')).status).toBe(404)
    }
    rest.close()
    await service.stop()
  },
)

test.skipIf(process.platform !== 'linux')('a log that nobody reads does not hold up the end', async () => {
  const pipe = join(workFolder(), 'pipe')
  execFileSync('mkfifo', [pipe])
  const unread = openSync(pipe, 'r+')
  const service = await startService({ errors: unread, environment: { CHANCERY_LOG_LEVEL: 'info' } })
  const rest = service.rest()
  // Lines of some 200 octets each, for a pipe that takes 64 KiB.
  for (let n = 0; n < 600; n++) await rest.call('GET', '/healthz')
  rest.close()
  await service.stop()
})
