import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestAnswer } from '../../src/cli/answers.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService(
    'acme: {enabled: false}\napprovals: {retryAfter: 1s}\nprofiles: {server: {approval: always}}\n',
  )
})
afterAll(() => service.close())

const at = (...parts: string[]) => join(service.work, ...parts)
const text = (...parts: string[]) => readFileSync(at(...parts), 'utf8')

/** The command line that enrols into a directory by a token of its own. */
async function enrolment(directory: string, ...names: string[]): Promise<string[]> {
  const dns = names.flatMap((name) => ['--dns', name])
  const { token } = await service.json<{ token: string }>('token', 'create', ...dns)
  return ['cert', 'request', ...dns, '--token', token, '--out', at(directory)]
}

async function newest(): Promise<RequestAnswer> {
  const { requests } = await service.json<{ requests: RequestAnswer[] }>('request', 'list', '--limit', '1')
  return requests[0]!
}

describe('cert request', () => {
  test('says that it waits, keeps its key, and gets the certificate when it is run again', async () => {
    const command = await enrolment('web', 'web.example.test')
    const first = await service.command(...command)
    expect(first).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/same command again/) })
    const { id } = await newest()
    expect(first.stdout).toMatch(new RegExp(`Request +${id}\\n`))
    const key = text('web', 'pending-key.pem')
    expect(statSync(at('web', 'pending-key.pem')).mode & 0o777).toBe(0o600)
    expect(existsSync(at('web', 'key.pem'))).toBe(false)

    expect((await service.command(...command)).exitCode).toBe(6)
    expect((await newest()).id).toBe(id)
    expect((await service.command('request', 'approve', String(id))).exitCode).toBe(0)
    expect(await service.command(...command)).toMatchObject({ exitCode: 0, stderr: '' })
    expect(text('web', 'key.pem')).toBe(key)
    expect(existsSync(at('web', 'pending-key.pem'))).toBe(false)
    expect(new X509Certificate(text('web', 'cert.pem')).checkPrivateKey(createPrivateKey(key))).toBe(true)
  })

  test('hears of a refusal and its reason, and drops the key', async () => {
    const command = await enrolment('no', 'no.example.test')
    await service.command(...command)
    const { id } = await newest()
    const refused = await service.command('request', 'refuse', String(id), '--reason', 'Not this one')
    expect(refused.stdout).toBe(`Request ${id} is refused.\n`)
    expect(await service.command(...command)).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/Not this one\./),
    })
    expect(existsSync(at('no', 'pending-key.pem'))).toBe(false)
  })

  test('waits for so long as it is told', async () => {
    const command = await enrolment('wait', 'wait.example.test')
    expect((await service.command(...command, '--wait', '1s')).exitCode).toBe(6)
    const { id } = await newest()
    const [waited] = await Promise.all([
      service.command(...command, '--wait', '1m'),
      service.command('request', 'approve', String(id)),
    ])
    expect(waited.exitCode).toBe(0)
    expect(existsSync(at('wait', 'cert.pem'))).toBe(true)
  })

  test('takes the kept key for no other kind', async () => {
    const command = await enrolment('kind', 'kind.example.test')
    await service.command(...command)
    expect(await service.command(...command, '--key-type', 'Ed25519')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/pending-key\.pem holds the P-256 key/),
    })
  })

  test('prints one JSON document', async () => {
    const command = await enrolment('json', 'json.example.test')
    const { exitCode, stdout, stderr } = await service.command(...command, '--json')
    expect(exitCode).toBe(6)
    expect(JSON.parse(stdout)).toMatchObject({ state: 'pending', statusUrl: expect.any(String) })
    expect(JSON.parse(stderr)).toMatchObject({ exitCode: 6 })
  })
})

test('cert renew waits with its new key, while the old one stays in use', async () => {
  await service.command('cert', 'request', '--dns', 'renew.example.test', '--out', at('renew'))
  const old = text('renew', 'key.pem')
  const command = ['cert', 'renew', '--rekey', '--out', at('renew')]
  expect((await service.command(...command)).exitCode).toBe(6)
  expect(text('renew', 'key.pem')).toBe(old)
  const key = text('renew', 'pending-key.pem')
  expect((await service.command('request', 'approve', String((await newest()).id))).exitCode).toBe(0)
  expect((await service.command(...command)).exitCode).toBe(0)
  expect(text('renew', 'key.pem')).toBe(key)
  expect(existsSync(at('renew', 'pending-key.pem'))).toBe(false)
})

describe('request', () => {
  test('list and show tell what was asked for, by whom', async () => {
    await service.command(...(await enrolment('show', 'show.example.test')))
    const { id, requestedBy, keySha256 } = await newest()
    const listed = await service.command('request', 'list', '--state', 'pending')
    expect(listed.stdout).toMatch(new RegExp(`^${id} +pending +${requestedBy} +server .*show\\.example`, 'm'))
    const { stdout } = await service.command('request', 'show', String(id))
    expect(stdout).toContain('show.example.test')
    expect(stdout).toContain(keySha256)
  })

  test('approve narrows, and does not widen', async () => {
    const names = ['one.example.test', 'two.example.test']
    await service.command(...(await enrolment('narrow', ...names)))
    const { id } = await newest()
    const approve = ['request', 'approve', String(id)]
    expect((await service.command(...approve, '--dns', 'three.example.test')).exitCode).toBe(5)
    const issued = await service.json<{ names: { dns: string[] } }>(...approve, '--name', names[1]!)
    expect(issued.names.dns).toEqual([names[1]])
    expect((await service.command(...approve)).exitCode).toBe(1)
  })

  test('that does not exist is not found', async () => {
    for (const line of [['show'], ['approve'], ['refuse', '--reason', 'x']]) {
      const [verb, ...rest] = line as [string, ...string[]]
      expect((await service.command('request', verb, '999', ...rest)).exitCode).toBe(4)
    }
  })
})
