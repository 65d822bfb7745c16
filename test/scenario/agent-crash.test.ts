import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parseOcspResponse } from '../../src/ocsp/parse-response.ts'
import { serialOf } from '../agent/agent-fixture.ts'
import { type ServiceProcess, startService } from './harness.ts'
import type { Rest } from './rest.ts'
import { run, workFolder } from './tools.ts'

const AGENT = new URL('./dying-agent.ts', import.meta.url).pathname
/** Minutes: two starts of a process for each change. */
const PATIENCE = 10 * 60_000

let service: ServiceProcess
let rest: Rest
beforeAll(async () => {
  service = await startService()
  rest = service.rest()
})
afterAll(async () => {
  rest.close()
  await service.stop()
})

/** Of each moment: whoever opens the files finds none of them, or those of one certificate. Null where there are none. */
function serialIn(folder: string): string | null {
  const read = (name: string) => {
    const file = join(folder, 'tls', name)
    return existsSync(file) ? readFileSync(file) : null
  }
  const [key, fullchain, combined] = [read('web.key'), read('web.pem'), read('all.pem')]
  const staple = read('all.pem.ocsp')
  if (combined) serialOf(combined, combined)
  if (!key || !fullchain) return null
  const serial = serialOf(fullchain, key)
  if (combined) expect(serialOf(combined, combined)).toBe(serial)
  if (staple) expect(parseOcspResponse(staple).responses[0]!.certId.serialNumber).toBe(serial)
  return serial
}

/** One start with --once, killed before so many changes to the disk; 0: it lives. */
function start(folder: string, dieBefore: number) {
  return run(process.execPath, [AGENT, 'agent', '--once', '--config', join(folder, 'agent.yaml')], {
    environment: { DIE_BEFORE: String(dieBefore) },
  })
}

async function newFolder(): Promise<string> {
  const folder = workFolder()
  const { token } = await rest.json<{ token: string }>('POST', '/v1/tokens', {
    body: { profile: 'server', names: { dns: ['web.example.test'] }, ttl: '1h' },
  })
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 })
  const certificate = {
    names: ['web.example.test'],
    token: { file: join(folder, 'token') },
    directory: join(folder, 'tls'),
    files: { key: 'web.key', fullchain: 'web.pem', combined: 'all.pem', staple: 'all.pem.ocsp' },
    notify: [{ command: ['sh', '-c', `cp $CHANCERY_DIRECTORY/web.pem ${join(folder, 'told.pem')}`] }],
  }
  const trust = { file: service.rootFile, follow: false }
  const options = { services: [service.tlsUrl], trust, state: join(folder, 'state') }
  writeFileSync(join(folder, 'agent.yaml'), stringify({ ...options, certificates: { web: certificate } }))
  return folder
}

async function issued(): Promise<number> {
  const { certificates } = await rest.json<{ certificates: unknown[] }>(
    'GET',
    '/v1/certificates?name=web.example.test&limit=500',
  )
  return certificates.length
}

/** The consumer knows what is in the files. */
function expectTold(folder: string): void {
  expect(readFileSync(join(folder, 'told.pem'))).toEqual(readFileSync(join(folder, 'tls', 'web.pem')))
}

test(
  'an agent killed before any change to the disk of its first enrolment goes on to the same certificate',
  async () => {
    let deaths = 0
    for (let died = true; died; ) {
      const folder = await newFolder()
      const before = await issued()
      died = (await start(folder, deaths + 1)).status === null
      if (died) deaths++
      serialIn(folder)
      const lived = await start(folder, 0)
      expect(lived.status, lived.stderr).toBe(0)
      expect(serialIn(folder)).not.toBeNull()
      expect(await issued()).toBe(before + 1)
      expectTold(folder)
    }
    console.log(`${deaths} deaths within an enrolment`)
    expect(deaths).toBeGreaterThan(30)
  },
  PATIENCE,
)

test(
  'an agent killed before any change of a renewal has one certificate in its files at every moment, and one new one at the end',
  async () => {
    const folder = await newFolder()
    expect((await start(folder, 0)).status).toBe(0)
    let deaths = 0
    for (let died = true; died; ) {
      const serial = serialIn(folder)!
      await rest.json('POST', '/v1/renewal-calls', {
        body: { serialNumbers: [serial], startsAt: '2026-01-01T00:00:00Z', within: '1s' },
      })
      const before = await issued()
      died = (await start(folder, deaths + 1)).status === null
      if (died) deaths++
      expect(serialIn(folder)).not.toBeNull()
      const lived = await start(folder, 0)
      expect(lived.status, lived.stderr).toBe(0)
      expect(serialIn(folder)).not.toBe(serial)
      expect(await issued()).toBe(before + 1)
      expectTold(folder)
    }
    console.log(`${deaths} deaths within a renewal`)
    expect(deaths).toBeGreaterThan(30)
  },
  PATIENCE,
)
