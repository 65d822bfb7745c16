import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RawOptions } from '../src/config/config.ts'
import { openChancery } from '../src/index.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'chancery-service-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const oidc = {
  issuer: 'https://provider.test',
  clientId: 'ca',
  callback: 'https://ca.test/v1/session/oidc/callback',
  roles: { pki: 'admin' as const },
  clientSecretFile: 'not-there',
}
const webhooks = [{ url: 'https://hooks.test/', secretFile: 'not-there', events: ['certificate.revoked'] }]

test.each([
  ['the secret of the OpenID client', { oidc }],
  ['the secret of a webhook', { webhooks }],
])('a service that cannot read %s leaves the data directory free', async (_, options) => {
  const given = { directory, publicUrl: 'http://ca.example.test' }
  await (await openChancery(given)).close()
  await expect(openChancery({ ...given, options: options as RawOptions })).rejects.toMatchObject({
    code: 'badConfiguration',
    message: expect.stringContaining('not-there'),
  })
  await (await openChancery(given)).close()
})

test('options that an interrupted restore has yet to move into place are read once they are there', async () => {
  const given = { directory, publicUrl: 'http://ca.example.test' }
  await (await openChancery(given)).close()
  const staging = join(directory, '.restoring')
  const names = readdirSync(directory)
  mkdirSync(staging)
  for (const name of names) renameSync(join(directory, name), join(staging, name))
  writeFileSync(join(staging, 'chancery.yaml'), 'crl: { partitions: 2 }\n')
  writeFileSync(join(staging, 'complete'), '')
  const service = await openChancery(given)
  expect(service.config.crl.partitions).toBe(2)
  await service.close()
})
