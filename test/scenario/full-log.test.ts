import { openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startService } from './harness.ts'

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
